"""What becomes of a tree; each rule that image tools disagree about has a test."""

import io
import os
import stat
from pathlib import Path

import pytest

from cfslib.images import layers, recorded
from cfslib.images.headers import BadArchive
from cfslib.images.layers import BadLayer, Limits
from cfslib.images.tar import Entry, Kind
from tests.conftest import needs_root
from tests.images.trees import (
    apply,
    archive,
    directory,
    file,
    hard_link,
    names,
    opaque,
    symlink,
    whiteout,
)

OURS = {"uid": os.geteuid(), "gid": os.getegid()}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "tree"


def text(path: Path) -> str:
    return path.read_text()


def put(tree: Path, *stories: bytes, **options: object) -> list[layers.Applied]:
    """Apply layers as whoever runs the tests can."""
    owners = "real" if os.geteuid() == 0 else "recorded"
    return apply(tree, *stories, **{"owners": owners, **options})


def test_a_layer_adds_replaces_and_takes_away(tree: Path) -> None:
    below = archive(file("a", b"1"), file("b", b"1"), directory("d"), file("d/c"))
    above = archive(file("a", b"2"), whiteout("b"), file("d/e"), whiteout("d/c"))

    put(tree, below, above)

    assert names(tree) == {"a", "d", "d/e"}
    assert text(tree / "a") == "2"


def test_modes_are_those_of_the_layer_whatever_the_umask_is(tree: Path) -> None:
    before = os.umask(0o077)
    try:
        put(tree, archive(directory("d", 0o1777), file("d/f", mode=0o6755)))
    finally:
        os.umask(before)

    assert stat.S_IMODE((tree / "d").stat().st_mode) == 0o1777
    assert stat.S_IMODE((tree / "d/f").stat().st_mode) == 0o6755


@needs_root
def test_setuid_and_owner_go_together(tree: Path) -> None:
    put(tree, archive(file("su", b"x", mode=0o4755, uid=7, gid=8)))

    status = (tree / "su").stat()
    assert (status.st_uid, status.st_gid) == (7, 8)
    assert stat.S_IMODE(status.st_mode) == 0o4755


def test_times_are_kept_to_the_nanosecond(tree: Path) -> None:
    time = 1_234_567_890_123_456_789
    before = -1_500_000_000

    put(
        tree,
        archive(
            directory("d", mtime=time),
            file("d/f", mtime=time),
            symlink("d/s", "f", mtime=time),
            file("old", mtime=before),
        ),
    )

    for name in ("d", "d/f", "d/s"):
        assert (tree / name).lstat().st_mtime_ns == time
    assert (tree / "old").lstat().st_mtime_ns == before


def test_names_may_be_long_and_need_not_be_utf8(tree: Path) -> None:
    long = "/".join(["d" * 200] * 5)
    odd = os.fsdecode(b"\xff\n")

    put(tree, archive(file(f"{long}/f", b"1"), file(odd, b"2"), symlink("s", long)))

    assert text(tree / long / "f") == "1"
    assert text(tree / odd) == "2"
    assert os.readlink(tree / "s") == long


def test_attributes_of_users_are_kept(tree: Path) -> None:
    xattrs = {"user.mime": b"text/\0plain", "user.empty": b""}

    applied = put(tree, archive(file("f", mode=0o444, xattrs=xattrs)))

    assert os.getxattr(tree / "f", "user.mime") == b"text/\0plain"
    assert applied[0].left_out == []


@needs_root
def test_a_file_capability_is_kept(tree: Path) -> None:
    capability = bytes.fromhex("0100000200040000000000000000000000000000")

    put(tree, archive(file("ping", uid=3, xattrs={"security.capability": capability})))

    assert os.getxattr(tree / "ping", "security.capability") == capability


def test_what_overlay_would_heed_is_left_out(tree: Path) -> None:
    xattrs = {"trusted.overlay.opaque": b"y", "user.overlay.redirect": b"/etc"}

    applied = put(tree, archive(directory("d", xattrs=xattrs)))

    assert not {*xattrs} & {*os.listxattr(tree / "d")}
    assert len(applied[0].left_out) == 2


# Parents that a layer does not name.


def test_implied_parents_keep_what_they_have_from_below(tree: Path) -> None:
    owner = {"uid": 1000, "gid": 1000}
    xattrs = {"user.a": b"b"}
    below = archive(directory("p", 0o700, mtime=10**9, xattrs=xattrs, **owner))

    put(tree, below, archive(file("p/f")))

    status = (tree / "p").stat()
    assert stat.S_IMODE(status.st_mode) == 0o700
    assert status.st_mtime_ns == 10**9
    assert os.getxattr(tree / "p", "user.a") == b"b"
    if os.geteuid() == 0:
        assert (status.st_uid, status.st_gid) == (1000, 1000)


def test_implied_parents_that_are_new_are_for_all_to_read(tree: Path) -> None:
    put(tree, archive(file("a/b/f")))

    for name in ("a", "a/b"):
        assert stat.S_IMODE((tree / name).stat().st_mode) == 0o755


def test_the_entry_of_the_root_is_kept(tree: Path) -> None:
    put(tree, archive(directory("./", 0o711, uid=5, gid=6), file("f")))

    status = tree.stat()
    assert stat.S_IMODE(status.st_mode) == 0o711
    if os.geteuid() == 0:
        assert (status.st_uid, status.st_gid) == (5, 6)


def test_a_directory_that_is_named_again_has_the_metadata_of_the_last(
    tree: Path,
) -> None:
    below = archive(directory("d", 0o700, xattrs={"user.a": b"1"}), file("d/f"))

    put(tree, below, archive(directory("d", 0o755)))

    assert stat.S_IMODE((tree / "d").stat().st_mode) == 0o755
    assert "user.a" not in os.listxattr(tree / "d")
    assert (tree / "d/f").exists()


# Whiteouts.


def test_a_whiteout_after_what_it_could_hide_hides_only_what_is_below(
    tree: Path,
) -> None:
    below = archive(directory("d"), file("d/old"), file("f", b"old"))
    above = archive(file("d/new"), whiteout("d"), file("f", b"new"), whiteout("f"))

    put(tree, below, above)

    assert names(tree) == {"d", "d/new", "f"}
    assert text(tree / "f") == "new"


def test_a_directory_after_whose_contents_its_whiteout_comes_is_new(
    tree: Path,
) -> None:
    below = archive(directory("d", 0o700), file("d/old"))

    put(tree, below, archive(file("d/new"), whiteout("d")))

    assert stat.S_IMODE((tree / "d").stat().st_mode) == 0o755


@pytest.mark.parametrize("late", [False, True])
def test_an_opaque_directory_shows_what_its_layer_brings(
    tree: Path, late: bool
) -> None:
    below = archive(directory("d"), file("d/old"), file("d/s/old"))
    new = [file("d/new"), file("d/s/new")]
    entries = [*new, opaque("d")] if late else [opaque("d"), *new]

    put(tree, below, archive(*entries))

    assert names(tree) == {"d", "d/new", "d/s", "d/s/new"}


def test_the_root_may_be_opaque(tree: Path) -> None:
    put(tree, archive(file("a"), file("d/b")), archive(file("c"), opaque("")))

    assert names(tree) == {"c"}


def test_a_whiteout_of_nothing_is_fine(tree: Path) -> None:
    put(tree, archive(file("a")), archive(whiteout("b"), whiteout("a/c/d")))

    assert "b" not in names(tree)


def test_what_aufs_kept_for_itself_is_skipped(tree: Path) -> None:
    put(tree, archive(file(".wh..wh.aufs"), directory(".wh..wh.plnk"), file("f")))

    assert names(tree) == {"f"}


@pytest.mark.parametrize("name", ["a.wh.b", "a.wh..wh.b", "a.wh.", "d.wh.e/f"])
def test_a_mark_that_does_not_begin_a_name_is_part_of_it(tree: Path, name: str) -> None:
    put(tree, archive(file("a"), file("b")), archive(file(name)))

    assert names(tree) >= {"a", "b", name}


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh...", ".wh.a/b"])
def test_a_whiteout_of_no_name_is_refused(tree: Path, name: str) -> None:
    with pytest.raises(BadLayer, match="no whiteout"):
        put(tree, archive(file("keep")), archive(file(name)))

    assert (tree / "keep").exists()


# Links.


def test_a_path_may_go_through_a_link_below(tree: Path) -> None:
    below = archive(directory("usr/lib"), symlink("lib", "usr/lib"))

    put(tree, below, archive(file("lib/x", b"1")))

    assert (tree / "lib").is_symlink()
    assert text(tree / "usr/lib/x") == "1"


def test_a_link_to_an_absolute_place_leads_to_that_of_the_tree(tree: Path) -> None:
    below = archive(directory("run"), symlink("var/run", "/run"))

    put(tree, below, archive(file("var/run/x")))

    assert (tree / "run/x").exists()


def test_an_entry_of_a_directory_replaces_a_link_below(tree: Path) -> None:
    below = archive(directory("usr/lib"), symlink("lib", "usr/lib"))

    put(tree, below, archive(directory("lib"), file("lib/x")))

    assert not (tree / "lib").is_symlink()
    assert not (tree / "usr/lib/x").exists()


def test_a_file_below_gives_way_to_a_directory_that_is_implied(tree: Path) -> None:
    put(tree, archive(file("d")), archive(file("d/new")))

    assert names(tree) == {"d", "d/new"}


@pytest.mark.parametrize("above", [file("x"), symlink("x", "y"), directory("x")])
@pytest.mark.parametrize("below", [file("x"), symlink("x", "y"), file("x/y/z")])
def test_what_is_above_replaces_what_is_below(
    tree: Path, below: Entry, above: Entry
) -> None:
    put(tree, archive(below), archive(above))

    entry = above[0] if isinstance(above, tuple) else above
    status = (tree / "x").lstat()
    kinds = {Kind.FILE: stat.S_IFREG, Kind.SYMLINK: stat.S_IFLNK}
    assert stat.S_IFMT(status.st_mode) == kinds.get(entry.kind, stat.S_IFDIR)


def test_a_hard_link_may_be_to_a_file_below(tree: Path) -> None:
    put(tree, archive(file("low", b"1", mode=0o640)), archive(hard_link("high", "low")))

    assert (tree / "high").samefile(tree / "low")
    assert stat.S_IMODE((tree / "low").stat().st_mode) == 0o640


def test_a_hard_link_may_be_to_a_link(tree: Path) -> None:
    put(tree, archive(symlink("s", "nowhere"), hard_link("t", "s")))

    assert (tree / "t").lstat().st_ino == (tree / "s").lstat().st_ino


def test_a_file_that_other_trees_have_too_stays_as_it_is(tree: Path) -> None:
    first = archive(file("f", b"1", mode=0o600, mtime=5), file("g", b"1"))
    put(tree, first)
    above = tree.with_name("above")
    layers.copy_linked(str(tree), str(above))
    before = (tree / "f").stat()

    put(above, archive(file("f", b"2", mode=0o777), whiteout("g")))

    assert text(tree / "f") == "1"
    assert (tree / "f").stat().st_mode == before.st_mode
    assert (tree / "f").stat().st_mtime_ns == before.st_mtime_ns
    assert (tree / "g").exists()


# Owners, where we have but one.


def test_owners_can_be_recorded(tree: Path) -> None:
    applied = apply(
        tree,
        archive(file("f", uid=1, gid=2, mode=0o400), directory("d", uid=3), file("g")),
        owners="recorded",
    )

    assert recorded.unpacked(os.getxattr(tree / "f", recorded.NAME)) == (1, 2)
    assert recorded.unpacked(os.getxattr(tree / "d", recorded.NAME)) == (3, 0)
    assert recorded.NAME not in os.listxattr(tree / "g")
    assert (tree / "f").stat().st_uid == os.geteuid()
    assert applied[0].left_out == []


@pytest.mark.parametrize(
    ("data", "owner"),
    [
        (b"\x08\x00\x10\x05", (0, 5)),
        (b"\x08\xe8\x07\x10\xff\xff\xff\xff\x0f", (1000, 0)),
        (b"", (0, 0)),
        (b"\x99", (0, 0)),
        (b"\x08\xff", (127, 0)),
    ],
)
def test_owners_that_umoci_recorded_are_read(
    data: bytes, owner: tuple[int, int]
) -> None:
    assert recorded.unpacked(data) == owner


def test_an_image_cannot_record_owners_itself(tree: Path) -> None:
    xattrs = {recorded.NAME: b"\x08\x05"}

    put(tree, archive(file("f", xattrs=xattrs)))

    assert recorded.NAME not in os.listxattr(tree / "f")


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user without rights")
def test_device_nodes_that_may_not_be_made_are_left_out_and_that_is_said_once(
    tree: Path,
) -> None:
    nodes = [Entry(f"n{n}", Kind.CHAR, device=(1, n)) for n in range(1, 4)]

    applied = put(tree, archive(*nodes))

    assert names(tree) == set()
    assert len(applied[0].left_out) == 1
    assert "n1 and 2 more" in applied[0].left_out[0]


def test_a_user_can_put_layers_on_directories_that_are_closed_to_him(
    tree: Path,
) -> None:
    below = archive(directory("d", 0), directory("d/e", 0o500), file("d/e/f", mode=0))

    put(tree, below, archive(file("d/e/g"), whiteout("d/e/f")))

    assert stat.S_IMODE((tree / "d").stat().st_mode) == 0
    if os.geteuid():
        (tree / "d").chmod(0o700)
    assert stat.S_IMODE((tree / "d/e").stat().st_mode) == 0o500
    assert names(tree) == {"d", "d/e", "d/e/g"}


# The rest of a stream.


def test_bytes_after_the_end_are_read_and_mean_nothing(tree: Path) -> None:
    stream = io.BytesIO(archive(file("f")) + b"rubbish" * 10**5)
    tree.mkdir()

    layers.apply(stream, str(tree), owners="recorded")

    assert stream.read() == b""
    assert names(tree) == {"f"}


@pytest.mark.parametrize("blocks", [0, 1])
def test_an_archive_needs_no_mark_of_its_end(tree: Path, blocks: int) -> None:
    put(tree, archive(file("f"), end=False) + bytes(512 * blocks))

    assert names(tree) == {"f"}


def test_limits_are_on_entries_and_on_bytes(tree: Path) -> None:
    with pytest.raises(BadLayer, match="more than 2 entries"):
        put(tree, archive(file("a"), file("b"), file("c")), limits=Limits(entries=2))
    with pytest.raises(BadLayer, match="x: the layer has more than 3 bytes"):
        put(tree, archive(file("x", b"1234")), limits=Limits(size=3))
    with pytest.raises(BadArchive, match="more than 9 entries"):
        put(tree, archive(file("/".join("abcdefghijk"))), limits=Limits(entries=9))
