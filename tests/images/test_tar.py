"""Archives as other tools write them, and ours as they read them."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from cfslib.images import compression, pax
from cfslib.images.headers import BadArchive
from cfslib.images.tar import Entry, Kind, entries
from tests.conftest import ROOT
from tests.images.peers import call, needs
from tests.images.trees import apply, archive, differences, directory, file, symlink

OWNERS = "real" if ROOT else "recorded"
FORMATS = ["v7", "ustar", "oldgnu", "gnu", "posix"]


def filled(place: Path) -> Path:
    """Return a directory with all that every format can hold."""
    (place / "d/e").mkdir(parents=True)
    (place / "d/f").write_text("f" * 1000)
    (place / "d/l").symlink_to("f")
    os.link(place / "d/f", place / "g")
    (place / "d/e").chmod(0o1750)
    for path in [*place.rglob("*"), place]:
        os.utime(path, (10**9, 10**9), follow_symlinks=False)
    return place


@needs("tar")
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_of_gnu_tar_is_read(tmp_path: Path, kind: str) -> None:
    source = filled(tmp_path / "source")
    call("tar", "-C", source, f"--format={kind}", "-cf", tmp_path / "a.tar", ".")

    apply(tmp_path / "tree", (tmp_path / "a.tar").read_bytes(), owners="recorded")

    without = ["owner", "xattrs"]
    assert differences(source, tmp_path / "tree", without=without) == []


@needs("tar")
@pytest.mark.parametrize("kind", ["gnu", "posix"])
def test_long_names_and_large_numbers_are_read(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    deep = source / ("x" * 90) / ("y" * 200)
    deep.mkdir(parents=True)
    (deep / "f").symlink_to("z" * 300)
    path = tmp_path / "a.tar"
    owner = ("--owner=:3000000000", "--group=:2097152")
    call("tar", "-C", source, *owner, f"--format={kind}", "-cf", path, ".")

    found = list(entries(io.BytesIO(path.read_bytes())))

    assert found[-1].name.endswith(f"{'y' * 200}/f")
    assert found[-1].link == "z" * 300
    assert (found[-1].uid, found[-1].gid) == (3_000_000_000, 2_097_152)


@needs("tar")
@pytest.mark.parametrize("version", ["gnu", "0.0", "0.1", "1.0"])
@pytest.mark.parametrize("pieces", [0, 1, 3, 50])
def test_files_with_holes_are_read(tmp_path: Path, version: str, pieces: int) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "holes").open("wb") as holes:
        for number in range(pieces):
            holes.seek(number * 1_000_000 + 500_000)
            holes.write(b"data" * 2000)
        holes.truncate(pieces * 1_000_000 + 700_000)
    (source / "next").write_text("next")
    kind = ["--format=gnu"]
    if version != "gnu":
        kind = ["--format=posix", f"--sparse-version={version}"]
    call("tar", "-C", source, "-S", *kind, "-cf", tmp_path / "a.tar", ".")

    apply(tmp_path / "tree", (tmp_path / "a.tar").read_bytes(), owners="recorded")

    for name in ("holes", "next"):
        assert (tmp_path / "tree" / name).read_bytes() == (source / name).read_bytes()
    assert (tmp_path / "tree/holes").stat().st_blocks * 512 < 1_000_000
    story = io.BytesIO((tmp_path / "a.tar").read_bytes())
    read = {
        each.name: b"".join(each.data.blocks()) for each in entries(story) if each.data
    }
    assert read["./holes"] == (source / "holes").read_bytes()


@needs("tar")
def test_gnu_tar_reads_what_we_write(tmp_path: Path) -> None:
    time = 1_234_567_890_123_456_789
    story = archive(
        directory("./", mtime=time),
        file("a" * 150, b"x" * 1000, mtime=time, xattrs={"user.a": b"1"}),
        symlink("l", "b" * 150, mtime=-(10**9)),
        file(os.fsdecode(b"\xff"), mtime=time),
        Entry("p", Kind.FIFO, mtime=time),
    )
    (tmp_path / "a.tar").write_bytes(story)
    (tmp_path / "theirs").mkdir()
    tar = ("tar", "--xattrs", "--warning=no-timestamp", "-C", tmp_path / "theirs")
    call(*tar, "-xpf", tmp_path / "a.tar")

    apply(tmp_path / "ours", story, owners=OWNERS)

    assert differences(tmp_path / "ours", tmp_path / "theirs", without=["owner"]) == []


def test_python_reads_what_we_write() -> None:
    story = archive(file("f" * 120, b"data", uid=3_000_000_000, mtime=1_500_000_000))

    with tarfile.open(fileobj=io.BytesIO(story)) as found:
        member = found.getmembers()[0]
        assert (member.name, member.uid) == ("f" * 120, 3_000_000_000)
        assert member.mtime == 1.5


def test_what_is_written_is_read_again() -> None:
    entry = Entry(
        "dir/name",
        Kind.FILE,
        0o6711,
        uid=2**32 - 2,
        gid=2**21,
        size=3,
        mtime=-1,
        xattrs={"user.b": b"\n=\0", "user.a": b""},
    )

    found = next(entries(io.BytesIO(archive((entry, b"abc")))))

    for name in ("name", "kind", "mode", "uid", "gid", "size", "mtime", "xattrs"):
        assert getattr(found, name) == getattr(entry, name)


@pytest.mark.parametrize(
    "text",
    [
        b"5",
        b"x a=b\n",
        b"7 a=b\n",
        b"5 a=b\n",
        b"6 a=b",
        b"6 =bb\n",
        b"99 a=b\n",
        b"6 a b\n",
    ],
)
def test_a_pax_header_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(BadArchive, match="pax header"):
        pax.unpacked(text)


def test_a_file_that_changes_while_it_is_read_is_no_file() -> None:
    entry, _ = file("f", b"12345")

    with pytest.raises(ValueError, match="f: its size changed"):
        archive((entry, b"123"))


def test_an_unknown_type_is_refused() -> None:
    story = bytearray(archive(file("f")))
    story[156:157] = b"V"
    story[148:156] = b"%06o\0 " % (sum(story[:148]) + sum(story[156:512]) + 256)

    with pytest.raises(BadArchive, match="unknown type"):
        list(entries(io.BytesIO(bytes(story))))


def test_a_layer_by_zstd_is_read_or_it_is_said_what_is_missing(tmp_path: Path) -> None:
    story = archive(file("f", b"x" * 100_000))
    magic = b"\x28\xb5\x2f\xfd"
    try:
        import zstandard  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        with (
            pytest.raises(BadArchive, match="zstd") as caught,
            compression.opened(io.BytesIO(magic * 9)),
        ):
            pass
        assert "pip install zstandard" in caught.value.__notes__[0]
        return
    packed = zstandard.compress(story[:5000]) + zstandard.compress(story[5000:])
    found = b""
    with compression.opened(io.BytesIO(packed)) as stream:
        while block := stream.read1(1 << 16):
            found += block
    assert found == story
