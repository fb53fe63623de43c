"""A store of images: what is in it, and what stays whole whatever happens."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cfslib.children.in_child import in_child
from cfslib.cli import with_ids
from cfslib.images import layout, locks, picked, store
from cfslib.images.choice import Unclear
from cfslib.images.clearing import Cleared
from cfslib.images.compression import BadDigest
from cfslib.images.loading import Loaded
from cfslib.images.picked import NoSuchImage
from cfslib.images.reference import BadReference
from cfslib.images.store import InUse, Store
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.conftest import SLOWNESS, needs_user_namespaces, own_world
from tests.images.handmade import HERE, Layout, layer

BASE = layer({"bin/": b"", "bin/sh": b"shell", "etc/passwd": b"root:x:0:0:::\n"})
ABOVE = layer({"bin/more": b"more", "etc/passwd": b"changed"})
OTHER = layer({"srv/": b"", "srv/x": b"x"})

pytestmark = needs_user_namespaces


@pytest.fixture
def made(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "made")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "store"


def load(made: Layout, place: Path, name: str | None = None) -> list[Loaded]:
    owners = with_ids.owners()  # who we are in there says less

    def bring() -> list[Loaded]:
        with layout.opened(str(made.place)) as source:
            return Store(place).load(source, name, owners=owners)

    return with_ids.call(bring)


def remove(place: Path, name: str) -> Cleared | None:
    there = Store(place)
    return with_ids.call(lambda: there.remove(there.find(name)))


def prune(place: Path) -> Cleared:
    return with_ids.call(Store(place).prune)


def tree(place: Path, name: str) -> dict[str, bytes | None]:
    """Return the files of an image, by their names; of directories, None."""
    root = Path(Store(place).find(name).tree)
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in sorted(root.rglob("*"))
    }


def everything(place: Path) -> list[str]:
    """Return all files and directories of a store but those of trees."""
    found = [str(path.relative_to(place)) for path in place.rglob("*")]
    return sorted(name for name in found if "/root" not in name)


def files(place: Path) -> list[str]:
    """Return all files of a store but those of trees."""
    return [name for name in everything(place) if (place / name).is_file()]


def test_an_image_is_merged_from_its_layers(made: Layout, place: Path) -> None:
    made.image("tool:1", [BASE, ABOVE], Cmd=["sh"])
    (loaded,) = load(made, place)

    assert loaded.is_new
    assert loaded.image.name == "docker.io/library/tool:1"
    assert tree(place, "tool:1") == {
        "bin": None,
        "bin/more": b"more",
        "bin/sh": b"shell",
        "etc": None,
        "etc/passwd": b"changed",
    }
    assert Store(place).find("tool:1").cmd == ("sh",)
    assert Store(place).find("tool:1").size == len("moreshellchanged")


def test_the_same_image_again_changes_nothing(made: Layout, place: Path) -> None:
    made.image("tool:1", [BASE, ABOVE])
    load(made, place)
    before = {name: os.stat(place / name).st_mtime_ns for name in everything(place)}
    (again,) = load(made, place)

    assert not again.is_new
    assert before == {name: os.stat(place / name).st_mtime_ns for name in before}


def test_images_with_layers_in_common_have_files_in_common(
    made: Layout, place: Path
) -> None:
    made.image("base:1", [BASE])
    made.image("above:1", [BASE, ABOVE])
    made.image("other:1", [BASE, OTHER])
    load(made, place)
    base, above, other = (
        Path(Store(place).find(f"{name}:1").tree) for name in ("base", "above", "other")
    )

    assert (base / "bin/sh").stat().st_ino == (above / "bin/sh").stat().st_ino
    assert (base / "bin/sh").stat().st_ino == (other / "bin/sh").stat().st_ino
    assert (base / "etc/passwd").read_bytes() == b"root:x:0:0:::\n"
    assert (above / "etc/passwd").read_bytes() == b"changed"
    assert not (base / "bin/more").exists()
    assert len(list((place / "trees").iterdir())) == 3
    remove(place, "base:1")
    assert tree(place, "above:1")["bin/sh"] == b"shell"


def test_one_image_may_have_several_names(made: Layout, place: Path) -> None:
    made.image("tool:1", [BASE])
    load(made, place)
    there = Store(place)
    there.tag(there.find("tool:1"), "localhost:5000/mine:2")

    assert [one.familiar for one in there.images()] == [
        "tool:1",
        "localhost:5000/mine:2",
    ]
    cleared = remove(place, "tool:1")
    assert cleared
    assert (cleared.blobs, cleared.trees) == ([], [])
    assert tree(place, "localhost:5000/mine:2")["bin/sh"] == b"shell"
    cleared = remove(place, "localhost:5000/mine:2")
    assert cleared
    assert (len(cleared.blobs), len(cleared.trees)) == (3, 1)


def test_a_name_that_moves_leaves_the_old_image_to_prune(
    made: Layout, place: Path
) -> None:
    made.image("tool:1", [BASE])
    load(made, place)
    Layout(made.place).image("tool:1", [OTHER])
    load(made, place)

    assert list(tree(place, "tool:1")) == ["srv", "srv/x"]
    assert len(list((place / "trees").iterdir())) == 2
    cleared = prune(place)
    assert (len(cleared.blobs), len(cleared.trees)) == (3, 1)
    assert list(tree(place, "tool:1")) == ["srv", "srv/x"]


def test_an_image_of_no_layers_is_an_empty_directory(made: Layout, place: Path) -> None:
    made.image("nothing:1", [])
    load(made, place)

    assert tree(place, "nothing:1") == {}


def test_of_a_list_it_is_the_one_for_this_machine(made: Layout, place: Path) -> None:
    kinds = {"s390x": OTHER, HERE: BASE, "mips": ABOVE}
    entries = [
        made.manifest([data])
        | {"platform": {"os": "linux", "architecture": architecture}}
        for architecture, data in kinds.items()
    ]
    made.index("tool:1", entries)
    load(made, place)

    assert "bin/sh" in tree(place, "tool:1")
    assert len(list((place / "blobs/sha256").iterdir())) == 3


def test_so_it_is_if_the_layout_has_one_name_twice(made: Layout, place: Path) -> None:
    for architecture, data in {"s390x": OTHER, HERE: BASE}.items():
        platform = {"os": "linux", "architecture": architecture}
        made.image("tool:1", [data], platform)
    load(made, place)

    assert "bin/sh" in tree(place, "tool:1")


def test_a_list_without_ours_is_refused(made: Layout, place: Path) -> None:
    entry = made.manifest([BASE])
    platform = {"os": "linux", "architecture": "s390x"}
    made.index("tool:1", [entry | {"platform": platform}])

    with pytest.raises(LookupError, match="there is linux/s390x"):
        load(made, place)
    assert files(place) == []


def test_an_index_that_leads_to_an_index_for_ever_is_refused(
    made: Layout, place: Path
) -> None:
    entry = made.manifest([BASE])
    for _ in range(10):
        entry = made.json("application/vnd.oci.image.index.v1+json", manifests=[entry])
    made.index("tool:1", [entry])

    with pytest.raises(ValueError, match="a list of images leads to a list"):
        load(made, place)


@pytest.mark.parametrize(
    ("there", "name", "called"),
    [
        (["tool:1"], None, ["tool:1"]),
        (["tool:1"], "mine:2", ["mine:2"]),
        ([None], "mine", ["mine:latest"]),
        (["a:1", "b:1"], None, ["a:1", "b:1"]),
        (["a:1", "b:1"], "b:1", ["b:1"]),
        (["a:1", "b:1"], "docker.io/library/b:1", ["b:1"]),
    ],
)
def test_images_are_called_as_they_are_there_or_as_is_said(
    there: list[str], name: str | None, called: list[str], made: Layout, place: Path
) -> None:
    for number, one in enumerate(there):
        made.image(one, [layer({f"{number}": b""})])
    load(made, place, name)

    assert [image.familiar for image in Store(place).images()] == called


@pytest.mark.parametrize(
    ("there", "name", "why"),
    [
        ([None], None, "an image in it has no name"),
        (["a:1", "b:1"], "c:1", "2 images are in it, and none is c:1"),
        ([], "c:1", "0 images are in it"),
    ],
)
def test_what_is_not_clear_is_asked(
    there: list[str], name: str | None, why: str, made: Layout, place: Path
) -> None:
    for number, one in enumerate(there):
        made.image(one, [layer({f"{number}": b""})])

    with pytest.raises(Unclear, match=why):
        load(made, place, name)


@pytest.mark.parametrize("bad", ["A:1", "a/../b:1", "x:y:z"])
def test_a_name_that_is_none_brings_nothing(
    bad: str, made: Layout, place: Path
) -> None:
    made.image(bad, [BASE])

    with pytest.raises(BadReference):
        load(made, place)
    assert files(place) == []


def test_an_image_is_found_by_the_beginning_of_its_id(
    made: Layout, place: Path
) -> None:
    made.image("tool:1", [BASE])
    load(made, place)
    image = Store(place).find("tool:1")

    for text in (image.id, image.id[:4], f"sha256:{image.id[:12]}", image.config):
        assert Store(place).find(text) == image
    digest = f"docker.io/library/tool@{image.manifest}"
    assert Store(place).find(digest) == image
    for text in (image.id[:3], f"{image.id[:11]}x", "tool:2"):
        with pytest.raises(NoSuchImage):
            Store(place).find(text)


# What does not fit


def spoil(made: Layout, number: int, data: bytes) -> None:
    """Change a blob of the last image: 0 its manifest, 1 its config, 2 its layer."""
    blobs = made.place / "blobs/sha256"
    manifest = made.entries[-1]["digest"][7:]
    parts = json.loads((blobs / manifest).read_bytes())
    names = [manifest, parts["config"]["digest"][7:], parts["layers"][0]["digest"][7:]]
    (blobs / names[number]).write_bytes(data)


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("data", [b"", b"{}", b"x" * 100_000])
def test_a_part_that_is_another_one_is_refused_and_the_store_is_as_before(
    number: int, data: bytes, made: Layout, place: Path
) -> None:
    made.image("before:1", [OTHER])
    load(made, place)
    before = everything(place)
    made.entries.clear()
    made.image("tool:1", [BASE])
    spoil(made, number, data)

    with pytest.raises(BadDigest):
        load(made, place)
    assert everything(place) == before


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        ([], "speaks of 0 layers, and the manifest of 1"),
        ([f"sha256:{'0' * 64}"], "a layer should be sha256:0000"),
    ],
)
def test_a_layer_that_is_not_what_the_config_says_is_refused(
    ids: list[str], why: str, made: Layout, place: Path
) -> None:
    entry = made.manifest([BASE])
    blob = made.place / "blobs/sha256" / entry["digest"][7:]
    top = json.loads(blob.read_bytes())
    parts: dict[str, Any] = {"rootfs": {"diff_ids": ids}}
    about = made.json("application/vnd.oci.image.config.v1+json", **parts)
    layers = top["layers"]
    wrong = made.json(top["mediaType"], config=about, layers=layers)
    made.index("tool:1", [wrong])

    with pytest.raises(ValueError, match=why):
        load(made, place)
    assert files(place) == []


def test_a_blob_that_is_not_there_is_an_error_and_leaves_nothing(
    made: Layout, place: Path
) -> None:
    made.image("tool:1", [BASE])
    spoil(made, 2, b"")
    for blob in (made.place / "blobs/sha256").iterdir():
        if not blob.stat().st_size:
            blob.unlink()

    with pytest.raises((OSError, LookupError, ValueError)):
        load(made, place)
    assert files(place) == []


# Two at once, and the end at any moment

PROGRAM = """
import sys
from cfslib.cli import entry
sys.argv[0] = "cfs"
sys.exit(entry.main())
"""


def start(*words: str | Path, data: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "image", *map(str, words)],
        env=os.environ | {"XDG_DATA_HOME": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60 * SLOWNESS)

    assert (process.returncode, err.replace(RECORDED, "")) == (0, "")
    return out


RECORDED = (
    "cfs: all files are yours, and whose they should be is recorded: a user without a"
    " line in /etc/subuid can give nothing to others\n"
)


def many_files(seed: int, count: int = 300) -> bytes:
    return layer({f"d{seed}/f{n}": b"%d" % (seed * n) * 50 for n in range(count)})


@pytest.mark.parametrize("same", [True, False])
def test_two_loads_at_once_are_as_one_after_the_other(
    same: bool, tmp_path: Path
) -> None:
    first, second = Layout(tmp_path / "a"), Layout(tmp_path / "b")
    first.image("one:1", [BASE, many_files(1)])
    second.image("one:1" if same else "two:1", [BASE, many_files(1 if same else 2)])
    both = [start("load", made.place, data=tmp_path) for made in (first, second) * 2]
    for process in both:
        finish(process)
    place = tmp_path / "cfs"

    assert len(tree(place, "one:1")) == 301 + 4
    if not same:
        assert len(tree(place, "two:1")) == 301 + 4
    cleared = prune(place)
    assert (cleared.blobs, cleared.trees) == ([], [])
    assert not [name for name in everything(place) if ".part" in name]


KILLS = 50


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_what_works(tmp_path: Path) -> None:
    made, place = Layout(tmp_path / "made"), tmp_path / "cfs"
    made.image("base:1", [BASE])
    made.image("big:1", [BASE, many_files(3), many_files(4)])
    finish(start("load", made.place, "base:1", data=tmp_path))
    began = time.monotonic()
    finish(start("load", made.place, data=tmp_path / "other"))
    took = time.monotonic() - began
    chance = random.Random(4)
    orders: list[tuple[str, ...]] = [
        ("load", str(made.place)),
        ("rm", "--force", "big:1"),
        ("prune",),
        ("load", str(made.place), "big:1"),
    ]
    for number in range(KILLS):
        process = start(*orders[number % len(orders)], data=tmp_path)
        time.sleep(chance.uniform(0.2, 1.0) * took)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        # Whoever reads meanwhile sees whole images, and only such.
        for image in Store(place).images():
            assert tree(place, image.name)

    finish(start("load", made.place, data=tmp_path))
    assert len(tree(place, "big:1")) == 2 * 301 + 4
    assert tree(place, "base:1")["bin/sh"] == b"shell"
    prune(place)
    assert sorted(everything(place)) == sorted(expected_of(place))


def expected_of(place: Path) -> Iterator[str]:
    """Yield the names of all that images need, and no more."""
    yield from ("blobs", "blobs/sha256", "index.json", "names", "oci-layout", "trees")
    there, parts = Store(place), set()
    for image in there.images():
        yield f"names/{image.name.replace('/', '+')}"
        key = Path(image.tree).parent.name
        parts |= {f"trees/{key}", f"trees/{key}/size"}
        layers = [one.digest for one in there.manifest(image).layers]
        parts |= {
            f"blobs/sha256/{digest[7:]}"
            for digest in (image.manifest, image.config, *layers)
        }
    yield from parts


def test_a_full_disk_is_one_line_and_nothing_is_lost(tmp_path: Path) -> None:
    small, big = Layout(tmp_path / "small"), Layout(tmp_path / "big")
    small.image("small:1", [BASE])
    noise = random.Random(1).randbytes(1 << 20)
    big.image("big:1", [BASE, layer({f"f{n}": noise[n:] for n in range(8)})])
    disk = tmp_path / "disk"
    disk.mkdir()

    def fill() -> tuple[subprocess.CompletedProcess[str], list[str], int]:
        own_world(Namespace.MNT)
        syscalls.mount("tmpfs", disk, "tmpfs", options="size=4m,mode=700")
        finish(start("load", small.place, data=disk))
        before = sorted(everything(disk / "cfs"))
        free = os.statvfs(disk).f_bfree
        failed = start("load", big.place, data=disk)
        out, err = failed.communicate()
        assert sorted(everything(disk / "cfs")) == before
        assert abs(os.statvfs(disk).f_bfree - free) <= 4
        assert tree(disk / "cfs", "small:1")["bin/sh"] == b"shell"
        finish(start("rm", "small:1", data=disk))  # which needs no room
        done = subprocess.CompletedProcess([], failed.returncode, out, err)
        return done, everything(disk / "cfs"), free

    done, left, _ = in_child(fill)

    assert done.returncode == 125
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not [name for name in left if "sha256/" in name]


# In use


def test_a_tree_in_use_stays_until_it_is_not(made: Layout, place: Path) -> None:
    made.image("tool:1", [BASE])
    load(made, place)
    image = Store(place).find("tool:1")
    with locks.held(str(Path(image.tree).parent), shared=True):
        with pytest.raises(InUse, match=rf"in use by a container.*{os.getpid()}"):
            Store(place).remove(image)
        assert Store(place).find("tool:1") == image
        cleared = with_ids.call(lambda: Store(place).remove(image, force=True))
        assert cleared
        assert (len(cleared.in_use), len(cleared.blobs)) == (1, 3)
        assert os.path.exists(f"{image.tree}/bin/sh")
        assert prune(place).in_use == cleared.in_use

    assert prune(place).trees == cleared.in_use
    assert list((place / "trees").iterdir()) == []


def test_a_name_may_go_while_somebody_brings_an_image(
    made: Layout, place: Path
) -> None:
    made.image("tool:1", [BASE])
    load(made, place)
    with locks.held(str(place), shared=True):
        assert remove(place, "tool:1") is None
    assert list(Store(place).images()) == []
    cleared = prune(place)
    assert (len(cleared.blobs), len(cleared.trees)) == (3, 1)


def test_prune_waits_for_who_brings_an_image_but_not_for_ever(
    made: Layout, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.image("tool:1", [BASE])
    load(made, place)
    monkeypatch.setattr(store, "_PATIENCE", 0.1)
    with (
        locks.held(str(place), shared=True),
        pytest.raises(locks.Busy, match="somebody else"),
    ):
        Store(place).prune()


def test_what_cannot_be_read_is_not_taken_for_what_nobody_needs(
    made: Layout, place: Path
) -> None:
    made.image("tool:1", [BASE])
    load(made, place)
    (name,) = (place / "names").iterdir()
    text = name.read_bytes()
    name.write_bytes(text[:-1])

    with pytest.raises(ValueError, match="is not the name of an image"):
        prune(place)
    name.write_bytes(text)
    assert prune(place).blobs == []
    assert tree(place, "tool:1")["bin/sh"] == b"shell"


# What other programs and other users see


def test_a_store_is_an_oci_layout_itself(
    made: Layout, place: Path, tmp_path: Path
) -> None:
    made.image("tool:1", [BASE, ABOVE])
    load(made, place)
    owners = with_ids.owners()
    with layout.opened(str(place)) as source:
        loaded = with_ids.call(
            lambda: Store(tmp_path / "other").load(source, owners=owners)
        )

    assert [one.image.familiar for one in loaded] == ["tool:1"]


@pytest.mark.skipif(not shutil.which("skopeo"), reason="needs skopeo")
def test_skopeo_reads_a_store(made: Layout, place: Path, tmp_path: Path) -> None:
    made.image("tool:1", [BASE, ABOVE], Cmd=["sh"])
    load(made, place)
    name = f"oci:{place}:docker.io/library/tool:1"
    copied = Layout(tmp_path / "copied")
    command = [
        "skopeo",
        "--insecure-policy",
        "copy",
        name,
        f"oci:{copied.place}:tool:1",
    ]
    subprocess.run(command, check=True, capture_output=True)
    before = Store(place).find("tool:1")
    load(copied, tmp_path / "again")

    assert Store(tmp_path / "again").find("tool:1").manifest == before.manifest


def test_a_store_that_others_could_change_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "cfs").mkdir()
    (tmp_path / "cfs").chmod(0o777)

    with pytest.raises(PermissionError, match="others may write"):
        Store(tmp_path / "cfs")


def test_the_store_is_where_xdg_data_home_says() -> None:
    directory = picked.directory

    assert directory({b"XDG_DATA_HOME": b"/x", b"HOME": b"/h"}) == "/x/cfs"
    assert directory({b"XDG_DATA_HOME": b"x", b"HOME": b"/h"}) == "/h/.local/share/cfs"
    assert directory({b"HOME": b"/h"}) == "/h/.local/share/cfs"


def test_progress_is_told_in_bytes_up_to_all_of_them(made: Layout, place: Path) -> None:
    made.image("tool:1", [BASE, many_files(5)])
    told: list[tuple[int, int]] = []
    owners = with_ids.owners()

    def bring() -> list[tuple[int, int]]:
        with layout.opened(str(made.place)) as source:
            Store(place).load(
                source,
                progress=lambda *both: told.append(both),
                owners=owners,
            )
        return told

    told = with_ids.call(bring)
    assert told == sorted(told)
    done, total = told[-1]
    assert done == total
    sizes = [path.stat().st_size for path in (place / "blobs/sha256").iterdir()]
    assert total <= 2 * sum(sizes)
