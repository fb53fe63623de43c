import os
from pathlib import Path

import pytest

from cfslib.images import cache, notes
from cfslib.images.notes import Note
from tests.conftest import needs_root

SOMETHING = Note(
    search=b"/usr/bin:/new\nline",
    programs=b"/usr/bin/sh::",
    root="rootfs-one",
    watched={b"/usr/bin": (1, 2, 3, 4), b"/new\nline": notes.MISSING},
    sources={b"/usr/bin/sh": notes.UNSURE},
    made={b"/": (1, 2, 3, 4), b"/etc": (5, 6, 7, 8)},
)


def saved(directory: Path, text: bytes) -> list[Note]:
    """Return what is understood of such a file."""
    file = Path(notes.file_in(str(directory)))
    file.write_bytes(text)
    file.chmod(0o600)
    return list(notes.saved(str(directory)))


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    another = SOMETHING.changed(search=b"/bin", root="rootfs-two")

    assert saved(tmp_path, notes.as_text([SOMETHING, another])) == [SOMETHING, another]
    assert list(notes.saved(str(tmp_path), b"/bin")) == [another]
    assert list(notes.saved(str(tmp_path), b"/usr")) == []


@pytest.mark.parametrize("root", ["../rootfs-one", "rootfs-/../..", "/rootfs-", "else"])
def test_a_build_lies_in_the_cache(root: str, tmp_path: Path) -> None:
    assert saved(tmp_path, notes.as_text([SOMETHING.changed(root=root)])) == []


def test_what_is_broken_is_passed_over(tmp_path: Path) -> None:
    whole = notes.as_text([SOMETHING])

    for end in range(len(whole) - len(b"7 8")):
        assert saved(tmp_path, whole[:end]) == []
    for text in (
        b"[]",
        b"\0" * 20,
        whole.replace(b"1 2 3 4", b"1 2 3 x"),
        b"\xff" + whole,
    ):
        assert all(note.search != SOMETHING.search for note in saved(tmp_path, text))
    assert saved(tmp_path, b"what?\0\0\0" + whole) == [SOMETHING]


def test_what_others_may_write_is_not_believed(tmp_path: Path) -> None:
    text = notes.as_text([SOMETHING])
    file = Path(notes.file_in(str(tmp_path)))

    for mode, count in ((0o644, 1), (0o664, 0), (0o646, 0), (0o400, 1)):
        file.unlink(missing_ok=True)
        saved(tmp_path, text)
        file.chmod(mode)
        assert len(list(notes.saved(str(tmp_path)))) == count


@needs_root
def test_what_another_user_wrote_is_not_believed(tmp_path: Path) -> None:
    assert saved(tmp_path, notes.as_text([SOMETHING])) == [SOMETHING]
    os.chown(notes.file_in(str(tmp_path)), 65534, 65534)

    assert list(notes.saved(str(tmp_path))) == []


def test_nothing_but_a_file_is_read(tmp_path: Path) -> None:
    file = Path(notes.file_in(str(tmp_path)))
    saved(tmp_path, notes.as_text([SOMETHING]))
    file.rename(tmp_path / "elsewhere")
    file.symlink_to("elsewhere")
    assert list(notes.saved(str(tmp_path))) == []

    file.unlink()
    os.mkfifo(file, 0o600)  # nobody writes into it, and we do not wait for that
    assert list(notes.saved(str(tmp_path))) == []

    file.unlink()
    file.mkdir(0o700)
    assert list(notes.saved(str(tmp_path))) == []


def test_a_stamp_tells_what_became_of_a_file(tmp_path: Path) -> None:
    file, directory = tmp_path / "file", tmp_path
    stamps = [notes.stamp(os.fsencode(file))]
    file.write_text("one")
    stamps.append(notes.stamp(os.fsencode(file)))
    before = notes.stamp(os.fsencode(directory))
    (tmp_path / "new").write_text("one")
    os.utime(tmp_path / "new", ns=(0, file.stat().st_mtime_ns))
    (tmp_path / "new").rename(file)
    stamps.append(notes.stamp(os.fsencode(file)))

    assert stamps[0] == notes.MISSING
    assert len(set(stamps)) == 3
    assert notes.stamp(os.fsencode(directory)) != before


@pytest.mark.long
def test_a_note_that_is_not_believed_leads_to_a_build(place: Path) -> None:
    first = cache.current(place)
    Path(notes.file_in(str(place))).chmod(0o666)

    assert cache.current(place) != first
