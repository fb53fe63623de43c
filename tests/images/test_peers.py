"""What other tools write we read, and what we write they read."""

import os
from pathlib import Path

import pytest

from cfslib.images import layout
from cfslib.images.tar import Entry, Kind
from tests.conftest import ROOT, needs_root
from tests.images.peers import Engine, call, needs
from tests.images.trees import (
    archive,
    differences,
    directory,
    file,
    hard_link,
    opaque,
    symlink,
    whiteout,
)
from tests.images.trees import layout as layout_of
from tests.images.unpacking import unpack_at

TIME = 1_600_000_000_123_456_789
OWNER = {"uid": 1000, "gid": 50} if ROOT else {}
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
XATTRS = {"user.a": b"1\0"} | ({"security.capability": CAPABILITY} if ROOT else {})

LAYERS = (
    archive(
        directory("./", 0o755, mtime=TIME),
        directory("usr", mtime=TIME),
        directory("usr/lib", mtime=TIME),
        symlink("lib", "usr/lib", mtime=TIME, **OWNER),
        file("usr/lib/x", b"x" * 70_000, mtime=TIME, **OWNER),
        file("usr/lib/su", b"su", mode=0o4755, mtime=TIME, **OWNER),
        file("usr/lib/cap", b"cap", mode=0o755, mtime=TIME, xattrs=XATTRS),
        directory("p", 0o700, mtime=TIME, **OWNER),
        file("p/f", b"f", mtime=TIME),
        hard_link("p/g", "p/f", mtime=TIME),
        directory("gone", mtime=TIME),
        file("gone/f", mtime=TIME),
        directory("tmp", 0o1777, mtime=TIME),
        directory("o", mtime=TIME),
        file("o/old", mtime=TIME),
        file("n" * 120, b"long", mtime=TIME),
        Entry("fifo", Kind.FIFO, 0o640, mtime=TIME),
    ),
    archive(
        whiteout("gone"),
        directory("o", 0o711, mtime=TIME),
        opaque("o"),
        file("o/new", b"new", mtime=TIME),
        directory("p", 0o700, mtime=TIME, **OWNER),
        whiteout("p/f"),
        file("usr/lib/x", b"other", mode=0o600, mtime=TIME),
        directory("usr", mtime=TIME),
        directory("usr/lib", mtime=TIME),
    ),
)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return an image layout as we write it by hand."""
    return layout_of(tmp_path / "image", *LAYERS)


@pytest.fixture
def ours(image: Path, tmp_path: Path) -> Path:
    """Return the tree that we make of it."""
    unpack_at(image, tmp_path / "ours")
    return tmp_path / "ours"


def written(image: Path, path: Path, kind: str) -> Path:
    """Write an image with our own writers."""
    with layout.opened(str(image)) as source:
        named = [
            layout.Named("localhost/test:ours", each.descriptor)
            for each in source.manifests()
        ]
        if kind == "docker-archive":
            layout.write_docker(str(path), named, source.blob)
        else:
            is_archive = kind == "oci-archive"
            layout.write_oci(str(path), named, source.blob, archive=is_archive)
    return path


@needs("umoci")
def test_umoci_makes_the_same_tree(image: Path, ours: Path, tmp_path: Path) -> None:
    rootless = () if ROOT else ("--rootless",)
    call("umoci", "unpack", *rootless, "--image", f"{image}:test", tmp_path / "umoci")

    assert differences(ours, tmp_path / "umoci/rootfs") == []


@needs("umoci")
def test_we_read_what_umoci_writes(image: Path, tmp_path: Path) -> None:
    rootless = () if ROOT else ("--rootless",)
    bundle = tmp_path / "umoci"
    call("umoci", "unpack", *rootless, "--image", f"{image}:test", bundle)
    change(bundle / "rootfs")
    call("umoci", "repack", "--image", f"{image}:test", bundle)

    unpack_at(image, tmp_path / "again")

    assert differences(tmp_path / "again", bundle / "rootfs") == []


KINDS = ("oci", "oci-archive", "docker-archive")


@needs("skopeo")
@pytest.mark.parametrize("kind", KINDS)
def test_we_read_what_skopeo_writes(
    image: Path, ours: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / "copy"
    policy = "--insecure-policy"
    call("skopeo", policy, "copy", f"oci:{image}:test", f"{kind}:{target}:a/b:c")

    unpack_at(target, tmp_path / "theirs")

    assert differences(ours, tmp_path / "theirs") == []


@needs("skopeo")
@pytest.mark.parametrize("kind", KINDS)
def test_skopeo_reads_what_we_write(
    image: Path, ours: Path, tmp_path: Path, kind: str
) -> None:
    target = written(image, tmp_path / "written", kind)
    where = {"oci": ":ours", "oci-archive": ":ours", "docker-archive": ""}[kind]
    source = f"{kind}:{target}{where}"
    call("skopeo", "--insecure-policy", "copy", source, f"oci:{tmp_path / 'b'}:x")

    unpack_at(tmp_path / "b", tmp_path / "theirs")

    assert differences(ours, tmp_path / "theirs") == []


@needs_root
@pytest.mark.parametrize(
    "tool", [pytest.param(tool, marks=needs(tool)) for tool in ("podman", "buildah")]
)
@pytest.mark.parametrize("kind", KINDS)
def test_engines_read_what_we_write(
    image: Path, ours: Path, tmp_path: Path, kind: str, tool: str
) -> None:
    target = written(image, tmp_path / "written", kind)
    with Engine(tool) as engine:
        engine("pull", f"{kind}:{target}{'' if kind == 'docker-archive' else ':ours'}")
        name = engine("images", "-q").splitlines()[0]
        if tool == "podman":
            tree = Path(engine("image", "mount", name))
        else:
            tree = Path(engine("mount", engine("from", name)))

        assert but_for_the_root(differences(ours, tree)) == []


@needs_root
@needs("podman")
@pytest.mark.parametrize("kind", ["oci-dir", "oci-archive", "docker-archive"])
def test_we_read_what_podman_writes(
    image: Path, ours: Path, tmp_path: Path, kind: str
) -> None:
    with Engine("podman") as engine:
        engine("pull", f"oci:{image}:test")
        name = engine("images", "-q").splitlines()[0]
        engine("save", "--format", kind, "-o", tmp_path / "saved", name)

    unpack_at(tmp_path / "saved", tmp_path / "theirs")

    assert differences(ours, tmp_path / "theirs") == []


@needs_root
@needs("buildah")
@pytest.mark.parametrize("kind", KINDS)
def test_we_read_what_buildah_writes(image: Path, tmp_path: Path, kind: str) -> None:
    with Engine("buildah") as engine:
        container = engine("from", f"oci:{image}:test")
        tree = Path(engine("mount", container))
        change(tree)
        name = engine("commit", container, "built")
        engine("push", name, f"{kind}:{tmp_path / 'pushed'}:localhost/x:y")

        unpack_at(tmp_path / "pushed", tmp_path / "theirs")

        assert but_for_the_root(differences(tmp_path / "theirs", tree)) == []


def change(tree: Path) -> None:
    """Add a file and remove one, at whole seconds: the peers write no others."""
    (tree / "o/more").write_text("more")
    (tree / "p/g").unlink()
    for name in ("o/more", "o", "p"):
        os.utime(tree / name, (10**9, 10**9))


def but_for_the_root(found: list[str]) -> list[str]:
    """Leave out what engines make of the root, which is not what the image says."""
    return [each for each in found if not each.startswith(".:")]
