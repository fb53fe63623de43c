"""`cfs image load` of what was made to do damage: one line, and all is as it was."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cfslib.images import headers, pax
from cfslib.images.tar import Entry, Kind
from tests.conftest import ROOT, needs_namespaces
from tests.images.handmade import HERE, LAYER, MANIFEST, Layout, digest, packed
from tests.images.trees import archive, directory, file, hard_link, symlink, whiteout

BASE = archive(file("base", b"base\n"), directory("d"), file("d/file"))
CFS = [sys.executable, "-m", "cfslib.cli.entry"]
MEMORY = 64 << 10  # KB
# Of the one that is started here and of those that it waits for.
MEASURED = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""

pytestmark = [needs_namespaces, pytest.mark.long]


class World(NamedTuple):
    """A store with an image in it, and a directory that is nobody's business."""

    top: Path
    tools: bytes  # a layer with `cat`
    environ: dict[str, str]

    @property
    def outside(self) -> Path:
        """Return where nothing may be written."""
        return self.top / "outside"

    def cfs(self, *words: object) -> "subprocess.CompletedProcess[str]":
        """Run `cfs`; return what it printed, the last line of which is its memory."""
        return subprocess.run(
            [sys.executable, "-ISc", MEASURED, *CFS, *map(str, words)],
            env=self.environ, capture_output=True, text=True, timeout=120,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, rootfs_dir: Path) -> World:
    top = tmp_path_factory.mktemp("world")
    (top / "outside").mkdir()
    (top / "outside/secret").write_text("secret")
    made = World(top, packed(rootfs_dir), os.environ | {"XDG_DATA_HOME": f"{top}/data"})
    good = Layout(top / "good")
    good.image("good:1", [BASE, made.tools], Cmd=["cat", "/base"])
    done = made.cfs("image", "load", good.place)
    assert done.returncode == 0, done
    return made


def listing(top: Path) -> dict[str, object]:
    """Return all that there is, and what is in it."""
    found: dict[str, object] = {}
    for path in [top, *sorted(top.rglob("*"))]:
        status = path.lstat()
        about: list[object] = [status.st_mode, status.st_uid, status.st_gid]
        if path.is_symlink():
            about.append(os.readlink(path))
        elif path.is_file():
            data = hashlib.sha256(path.read_bytes()).digest()
            about += [status.st_nlink, status.st_mtime_ns, data]
        found[str(path)] = about
    return found


def refused(world: World, place: Path) -> str:
    """Load what has to be refused; return the line that says why."""
    before = listing(world.top)
    done = world.cfs("image", "load", place, "evil")
    cause, *advice = done.stderr.splitlines()
    memory, *printed = done.stdout.splitlines()

    assert (done.returncode, printed) == (125, [])
    assert cause.startswith("cfs: ")
    assert cause.isprintable()
    assert len(advice) <= 1
    assert int(memory) < MEMORY
    assert listing(world.top) == before
    return cause.removeprefix("cfs: ")


# The three ways in which an image comes.


def layout(world: World, place: Path, layers: Sequence[bytes]) -> Path:
    Layout(place).image("evil:1", [BASE, *layers])
    return place


def oci_archive(world: World, place: Path, layers: Sequence[bytes]) -> Path:
    made = layout(world, place, layers)
    with tarfile.open(f"{place}.tar", "w") as packed:
        packed.add(made, ".")
    return Path(f"{place}.tar")


def docker_archive(world: World, place: Path, layers: Sequence[bytes]) -> Path:
    every = [BASE, *layers]
    rootfs = {"type": "layers", "diff_ids": [*map(digest, every)]}
    config = {"architecture": HERE, "os": "linux", "rootfs": rootfs}
    names = [f"{number}.tar" for number in range(len(every))]
    image = {"Config": "config.json", "RepoTags": ["evil:1"], "Layers": names}
    parts = {
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps([image]).encode(),
        **dict(zip(names, every, strict=True)),
    }
    place.write_bytes(archive(*(file(name, data) for name, data in parts.items())))
    return place


WAYS = (layout, oci_archive, docker_archive)
UP = "../" * 40
Story = list["Entry | tuple[Entry, bytes]"]


# The name of the entry that is refused, and the layer.
STORIES: dict[str, tuple[str, Story]] = {
    "dots": ("../../../outside/x", [file("../../../outside/x")]),
    "absolute": ("{outside}/x", [file("{outside}/x")]),
    "link": ("l/x", [symlink("l", "{outside}"), file("l/x")]),
    "link up": ("l/x", [symlink("l", UP + "{outside}"), file("l/x")]),
    "hard link to the host": ("h", [hard_link("h", "{outside}/secret")]),
    "hard link by a link": (
        "h",
        [symlink("l", "{outside}"), hard_link("h", "l/secret")],
    ),
    "whiteout up": ("l/.wh.secret", [symlink("l", UP), whiteout("l/secret")]),
    "a whiteout as a device": ("w", [Entry("w", Kind.CHAR)]),
    "twice": ("x", [file("x"), file("x")]),
    "for a terminal": (
        r"e\x1b]0;evil\x07\x9b2J/../ \udcff",
        [file("e\x1b]0;evil\a\x9b2J/../\n\udcff")],
    ),
}


def told(story: Story, outside: Path) -> bytes:
    """Return a layer; before its end there is what must not be left in the store."""

    def at(each: "Entry | tuple[Entry, bytes]") -> "Entry | tuple[Entry, bytes]":
        entry, *data = each if isinstance(each, tuple) else (each,)
        name, link = (
            text.replace("{outside}", str(outside)).replace("//", "/")
            for text in (entry.name, entry.link)
        )
        entry = replace(entry, name=name, link=link)
        return (entry, b"".join(data)) if data else entry

    return archive(file("first", b"first"), *map(at, story))


@pytest.mark.parametrize("name", STORIES)
def test_a_layer_that_does_damage_is_refused_by_the_name_of_its_entry(
    name: str, world: World, tmp_path: Path
) -> None:
    where, story = STORIES[name]
    way = WAYS[[*STORIES].index(name) % len(WAYS)]
    place = way(world, tmp_path / "made", [told(story, world.outside)])

    assert refused(world, place).startswith(where.format(outside=world.outside))


# What says what an image is.


def spoiled(how: Callable[[Layout], None]) -> Callable[[Path], Path]:
    """Return what makes a good layout and then does something to it."""

    def make(place: Path) -> Path:
        made = Layout(place)
        made.image("evil:1", [BASE, archive(file("first", b"first"))])
        how(made)
        return place

    return make


def blob(made: Layout, number: int) -> Path:
    """Return the file of the manifest, of the config, or of a layer."""
    manifest = made.entries[0]
    path = made.place / "blobs" / str(manifest["digest"]).replace(":", "/")
    if number:
        top = json.loads(path.read_bytes())
        digests = [each["digest"] for each in (top["config"], *top["layers"])]
        path = made.place / "blobs" / str(digests[number - 1]).replace(":", "/")
    return path


def other_bytes(number: int) -> Callable[[Layout], None]:
    def change(made: Layout) -> None:
        path = blob(made, number)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    return change


def long_json(name: str) -> Callable[[Layout], None]:
    def change(made: Layout) -> None:
        with open(made.place / name, "r+b") as opened:
            opened.truncate(100 << 20)  # a hole, which is zeros to whoever reads it

    return change


def long_blob(number: int) -> Callable[[Layout], None]:
    def change(made: Layout) -> None:
        with open(blob(made, number), "r+b") as opened:
            opened.truncate(100 << 20)

    return change


def index(**parts: Any) -> Callable[[Layout], None]:
    def change(made: Layout) -> None:
        entry = made.entries[0] | parts
        (made.place / "index.json").write_text(json.dumps({"manifests": [entry]}))

    return change


def many(made: Layout) -> None:
    """Name more images than anybody has, each by the same manifest."""
    text = json.dumps({"manifests": made.entries * 20_000})
    (made.place / "index.json").write_text(text)


def many_layers(made: Layout) -> None:
    top = json.loads(blob(made, 0).read_bytes())
    top["layers"] *= 1000
    made.entries[0] = made.blob(json.dumps(top).encode(), MANIFEST)
    index()(made)


def one_layer_is(data: bytes) -> Callable[[Layout], None]:
    """Have a layer that is what its digest says."""

    def change(made: Layout) -> None:
        rootfs = {"type": "layers", "diff_ids": [digest(data)]}
        config = made.json(LAYER, rootfs=rootfs, architecture=HERE, os="linux")
        parts = {"config": config, "layers": [made.blob(data, LAYER)]}
        made.entries[0] = made.json(MANIFEST, **parts)
        index()(made)

    return change


def other_diff_id(made: Layout) -> None:
    top = json.loads(blob(made, 0).read_bytes())
    config = json.loads(blob(made, 1).read_bytes())
    config["rootfs"]["diff_ids"][1] = digest(b"")
    top["config"] = made.blob(json.dumps(config).encode(), LAYER)
    made.entries[0] = made.blob(json.dumps(top).encode(), MANIFEST)
    index()(made)


def huge(size: int) -> bytes:
    """Return a file of which a header says how long it is, and nothing is there."""
    says = pax.packed([(b"size", b"%d" % size)])
    header = headers.packed(name=b"x", kind=b"x", size=len(says))
    return header + says.ljust(headers.BLOCK, b"\0") + headers.packed(name=b"huge")


SPOILED: dict[str, tuple[str, Callable[[Layout], None]]] = {
    "another manifest": ("a blob should be sha256:", other_bytes(0)),
    "another layer": ("a blob should be sha256:", other_bytes(3)),
    "another layer unpacked": (f"a layer should be {digest(b'')}", other_diff_id),
    "a long index": ("{place}/index.json is longer than", long_json("index.json")),
    "a long config": ("a blob is longer than", long_blob(1)),
    "a long layer": ("a blob is longer than", long_blob(3)),
    "a digest that leads out": (
        "{place}/index.json: 'sha256:../../../outside/secret' is no digest",
        index(digest="sha256:../../../outside/secret"),
    ),
    "many images": ("{place}/index.json is longer than", many),
    "many layers": ("manifest: more than", many_layers),
    "a file of 1 PB": (
        "huge: the layer has more than",
        one_layer_is(huge(1 << 50)),
    ),
    "a name of 1 GB": (
        "a header",
        one_layer_is(headers.packed(name=b"x", kind=b"L", size=1 << 30)),
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_parts_that_are_not_what_they_should_be_are_refused(
    name: str, world: World, tmp_path: Path
) -> None:
    why, how = SPOILED[name]
    place = spoiled(how)(tmp_path / "made")

    assert refused(world, place).startswith(why.format(place=place))


def test_a_device_of_an_image_is_none_to_a_container(
    world: World, tmp_path: Path
) -> None:
    null = Entry("null", Kind.CHAR, 0o666, device=(1, 3))
    good = Layout(tmp_path / "made")
    good.image("devices:1", [BASE, world.tools, archive(null)])
    loaded = world.cfs("image", "load", good.place)
    done = world.cfs("run", "--image", "devices:1", "cat", "/null")
    world.cfs("image", "rm", "devices:1")

    assert loaded.returncode == 0
    assert ROOT or "device nodes, which may not be made here: null" in loaded.stderr
    assert ("Permission denied" if ROOT else "No such file") in done.stderr


def test_after_all_that_the_image_that_was_there_runs(world: World) -> None:
    done = world.cfs("run", "--image", "good:1")

    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "base")
    assert "no image evil" in world.cfs("run", "--image", "evil", "cat").stderr
