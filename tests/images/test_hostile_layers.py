"""Layers that were made to do damage: refused by the name of the entry."""

import gzip
import io
import os
import random
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfslib.images import compression, documents, headers, layers, removal
from cfslib.images.compression import BadDigest
from cfslib.images.headers import BadArchive
from cfslib.images.layers import BadLayer
from cfslib.images.tar import Entry, Kind, entries
from tests.images.trees import (
    apply,
    archive,
    directory,
    file,
    hard_link,
    names,
    symlink,
    whiteout,
)

pytestmark = pytest.mark.long


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a directory beside a tree, which nobody may write to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (tmp_path / "tree").mkdir()
    return outside


def put(tree: Path, *stories: bytes) -> None:
    apply(tree, *stories, owners="recorded" if os.geteuid() else "real")


UP = "../" * 20


Story = list["Entry | tuple[Entry, bytes]"]

STORIES: dict[str, tuple[str, Story]] = {
    "dots": ("../outside/x", [file("../outside/x")]),
    "dots inside": ("a/../../outside/x", [file("a/../../outside/x")]),
    "only dots": ("..", [directory("..", 0o777)]),
    "absolute": ("{outside}/x", [file("{outside}/x")]),
    "absolute directory": ("/", [directory("/", 0o777)]),
    "link": ("l/x", [symlink("l", "{outside}"), file("l/x")]),
    "link up": ("l/x", [symlink("l", UP + "{outside}"), file("l/x")]),
    "link to a link": (
        "b/x",
        [symlink("a", "{outside}"), symlink("b", "a"), file("b/x")],
    ),
    "link to a file": ("l", [symlink("l", "{outside}/secret"), file("l/x")]),
    "hard link to the host": ("h", [hard_link("h", "{outside}/secret")]),
    "hard link up": ("h", [hard_link("h", UP + "{outside}/secret")]),
    "hard link through a link": (
        "h",
        [symlink("l", "{outside}"), hard_link("h", "l/secret")],
    ),
    "hard link to nothing": ("h", [hard_link("h", "nothing")]),
    "hard link to itself": ("h", [hard_link("h", "h")]),
    "hard link to the root": ("h", [hard_link("h", ".")]),
    "hard link to a directory": ("h", [directory("d"), hard_link("h", "d")]),
    "whiteout of above": ("d/.wh...", [directory("d"), file("d/.wh...")]),
    "whiteout through a link": (
        "l/.wh.secret",
        [symlink("l", UP), whiteout("l/secret")],
    ),
    "directory through a link": ("l/d", [symlink("l", "{outside}"), directory("l/d")]),
    "circle": ("a/x", [symlink("a", "b"), symlink("b", "a"), file("a/x")]),
    "circle of one": ("a/x", [symlink("a", "a/a"), file("a/x")]),
    "root that is a file": (".", [file(".")]),
    "whiteout as a device": ("w", [Entry("w", Kind.CHAR)]),
    "deep": ("a/a", [file("a/" * 300 + "x")]),
}


@pytest.mark.parametrize("in_one", [False, True])
@pytest.mark.parametrize("name", STORIES)
def test_a_name_that_leads_out_is_refused(
    tmp_path: Path, outside: Path, name: str, in_one: bool
) -> None:
    where, found = STORIES[name]
    text = str(outside)
    told = [_at(each, text) for each in found]
    stories = [archive(*told)] if in_one else [archive(each) for each in told]
    before = outside.stat()

    with pytest.raises(BadLayer) as caught:
        put(tmp_path / "tree", *stories)

    assert str(caught.value).startswith(where.format(outside=text))
    assert "\n" not in str(caught.value)
    assert names(outside) == {"secret"}
    assert (outside / "secret").read_text() == "secret"
    assert (outside / "secret").stat().st_nlink == 1
    assert outside.stat().st_ctime_ns == before.st_ctime_ns
    assert {path.name for path in tmp_path.iterdir()} == {"outside", "tree"}
    removal.remove_tree(str(tmp_path / "tree"))
    assert {path.name for path in tmp_path.iterdir()} == {"outside"}


def _at(
    each: "Entry | tuple[Entry, bytes]", outside: str
) -> "Entry | tuple[Entry, bytes]":
    entry, *data = each if isinstance(each, tuple) else (each,)
    name, link = entry.name.format(outside=outside), entry.link.format(outside=outside)
    entry = replace(entry, name=name, link=link.replace("//", "/"))
    return (entry, b"".join(data)) if data else entry


@pytest.mark.parametrize(
    "twice",
    [
        [file("a"), file("a")],
        [file("a"), file("./a")],
        [file("a"), directory("a")],
        [directory("a"), symlink("a", "b")],
        [file("a/b"), symlink("a", "b")],
        [directory("d"), symlink("l", "d"), file("d/x"), file("l/x")],
        [file("a"), hard_link("b", "a"), file("b")],
        [file("a"), file("a/b")],
    ],
)
def test_a_path_twice_in_one_layer_is_refused(
    tmp_path: Path, twice: list[Entry]
) -> None:
    with pytest.raises(BadLayer, match=r"twice|same layer|is not a directory"):
        put(tmp_path / "tree", archive(*twice))


def test_a_whiteout_of_a_link_that_entries_went_through_is_refused(
    tmp_path: Path,
) -> None:
    below = archive(directory("usr/lib"), symlink("lib", "usr/lib"))

    with pytest.raises(BadLayer, match=r"^\.wh\.lib: lib is a link"):
        put(tmp_path / "tree", below, archive(file("lib/x"), whiteout("lib")))


def test_an_owner_that_means_as_it_is_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="cannot be: 4294967295"):
        put(tmp_path / "tree", archive(file("f", uid=0xFFFF_FFFF)))


# Bombs.


def test_a_bomb_is_stopped_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "_FREE", 1 << 20)
    packed = gzip.compress(archive(file("zeros", bytes(1 << 24))))

    with (
        pytest.raises(BadArchive, match="this is a bomb"),
        compression.opened(io.BytesIO(packed)) as stream,
    ):
        layers.apply(stream, _new(tmp_path), owners="recorded")


def test_a_layer_of_any_size_takes_little_memory(tmp_path: Path) -> None:
    packed = gzip.compress(archive(file("zeros", bytes(1 << 26))), 1)
    tracemalloc.start()
    try:
        with compression.opened(io.BytesIO(packed)) as stream:
            layers.apply(stream, _new(tmp_path), owners="recorded")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16 << 20


@pytest.mark.parametrize(
    "story",
    [
        [file("d" * 200 + f"/{n}") for n in range(10)],
        [whiteout("d" * 200 + str(n)) for n in range(10)],
        [file("d/" * 40 + "x"), file("e/" * 40 + "x")],
        [directory(f"{n}", xattrs={"user.a": b"v" * 200}) for n in range(10)],
    ],
    ids=["files", "whiteouts", "directories around", "attributes"],
)
def test_what_has_to_be_remembered_of_a_layer_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, story: Story
) -> None:
    monkeypatch.setattr("cfslib.images.merged._MEMORY", 1000)

    with pytest.raises(BadLayer, match="the names in the layer have more than"):
        put(tmp_path / "tree", archive(*story))


def test_a_header_that_says_too_much_is_refused() -> None:
    block = headers.packed(name=b"x", kind=b"x", size=1 << 30)

    with pytest.raises(BadArchive, match="too many"):
        list(entries(io.BytesIO(block + bytes(1 << 20))))


def test_headers_without_an_entry_are_refused() -> None:
    block = headers.packed(name=b"x", kind=b"x", size=0)

    with pytest.raises(BadArchive, match="more than 16 headers"):
        list(entries(io.BytesIO(block * 100_000)))


def test_a_size_that_is_not_there_is_an_end_too_early(tmp_path: Path) -> None:
    block = headers.packed(name=b"x", size=8**11 - 1)

    with pytest.raises(BadArchive, match="ends too early"):
        put(tmp_path / "tree", block + b"few")


def test_many_empty_members_of_gzip_are_no_bomb_and_no_hang() -> None:
    packed = gzip.compress(b"", mtime=0) * 20_000 + gzip.compress(b"x")
    begin = time.monotonic()

    with compression.opened(io.BytesIO(packed)) as stream:
        assert stream.read1(10) == b"x"
    assert time.monotonic() - begin < 10


# What is damaged.


def _new(tmp_path: Path) -> str:
    (tmp_path / "tree").mkdir()
    return str(tmp_path / "tree")


def _unpacked(packed: "bytes | bytearray") -> bytes:
    found = b""
    with compression.opened(io.BytesIO(packed)) as stream:
        while block := stream.read1(777):
            found += block
    return found


def test_a_digest_that_does_not_fit_is_refused() -> None:
    hashed = compression.Hashed(io.BytesIO(b"data"))

    with pytest.raises(BadDigest, match=r"should be sha256:00.* and is sha256:3a6eb"):
        hashed.check(f"sha256:{'00' * 32}")


@pytest.mark.parametrize("keep", [3, 10, 40, -8, -1])
def test_what_ends_too_early_is_damaged(keep: int) -> None:
    packed = gzip.compress(random.Random(1).randbytes(1000))[:keep]

    with pytest.raises(BadArchive, match="ends too early"):
        _unpacked(packed)


def test_a_checksum_of_gzip_counts() -> None:
    packed = bytearray(gzip.compress(b"data"))
    packed[-5] ^= 1

    with pytest.raises(BadArchive, match="damaged"):
        _unpacked(packed)


def test_gzip_may_come_in_pieces() -> None:
    parts = [random.Random(n).randbytes(1000) for n in range(500)]
    packed = b"".join(map(gzip.compress, parts)) + bytes(100)

    assert _unpacked(packed) == b"".join(parts)


@pytest.mark.parametrize(
    ("start", "name"), [(b"BZh91AY", "bzip2"), (b"\xfd7zXZ\0", "xz")]
)
def test_other_ways_to_pack_are_named(start: bytes, name: str) -> None:
    with (
        pytest.raises(BadArchive, match=name),
        compression.opened(io.BytesIO(start * 100)),
    ):
        pass


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_archive_is_refused_or_read_and_never_crashes(
    data: st.DataObject,
) -> None:
    good = archive(
        file("a" * 150, b"x" * 600, mtime=123, xattrs={"user.a": b"1"}),
        directory("d"),
        symlink("l", "b" * 200),
    )
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(good) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    for start in range(0, len(damaged), 512):  # so that what is inside is looked at
        if damaged[start + 257 : start + 262] == b"ustar":
            block = bytes(damaged[start : start + 148]) + b" " * 8
            block += bytes(damaged[start + 156 : start + 512])
            damaged[start + 148 : start + 156] = b"%06o\0 " % sum(block)

    try:
        for entry in entries(io.BytesIO(bytes(damaged))):
            if entry.data:
                for _ in entry.data.blocks():
                    break
    except BadArchive:
        pass


@pytest.mark.parametrize(
    ("field", "value"),
    [(100, b"0o17"), (108, b"-1"), (116, b"1_0"), (124, b"99"), (136, b"0x1f")],
)
def test_numbers_are_octal_digits(field: int, value: bytes) -> None:
    block = bytearray(headers.packed(name=b"f"))
    width = 8 if field < 124 else 12
    block[field : field + width] = value.ljust(width, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)

    with pytest.raises(BadArchive, match=r"not an? (octal )?number"):
        list(entries(io.BytesIO(bytes(block))))


def test_something_between_the_two_blocks_of_the_end_is_refused() -> None:
    with pytest.raises(BadArchive, match="between the two blocks"):
        list(entries(io.BytesIO(bytes(512) + archive(file("f")))))


# Documents.


class Endless:
    """A hundred megabytes of JSON, and more."""

    read = 0

    def read1(self, size: int, /) -> bytes:
        """Return more of it."""
        self.read += min(size, 1 << 16)
        return b"[" * min(size, 1 << 16)


def test_json_of_100_mb_is_not_read() -> None:
    stream = Endless()

    with pytest.raises(documents.BadDocument, match=r"index\.json is longer than"):
        documents.read(stream, "index.json")
    assert stream.read <= documents.LIMIT + (1 << 16)


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b"{", b"[]", b"1", b"", b"\xff", b'"x"', b"null"]
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(documents.BadDocument, match=r"^index\.json is not "):
        documents.parsed(data, "index.json")
