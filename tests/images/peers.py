"""Other tools for images, each with a store of its own that is gone afterwards."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from cfslib.images import compression, descriptor, documents, layers, layout
from cfslib.images.layout import Source
from cfslib.images.tar_index import readable


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skip a test where a tool is missing."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


def call(*argv: str | Path) -> str:
    """Run a tool, and return what it prints."""
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout.strip()


class Engine:
    """podman or buildah, with a store of its own, by a driver without mounts."""

    def __init__(self, tool: str) -> None:
        # podman wants the way to it short.
        self._place = tempfile.TemporaryDirectory(prefix=tool, dir="/tmp")
        root, run = f"{self._place.name}/root", f"{self._place.name}/run"
        where = ("--root", root, "--runroot", run)
        self._call = (tool, *where, "--storage-driver", "vfs")

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self._place.cleanup()

    def __call__(self, *argv: str | Path) -> str:
        """Have the engine do something, and return what it prints."""
        return call(*self._call, *argv)


def unpack(source: Source, tree: Path, *, owners: str = "") -> str:
    """Put the first image of a source on a tree, and return its name."""
    owners = owners or ("recorded" if os.geteuid() else "real")
    tree.mkdir()
    named = source.manifests()[0]
    config, *blobs = descriptor.blobs(_document(source, named.descriptor.digest), "")
    diff_ids = _document(source, config.digest)["rootfs"]["diff_ids"]
    for blob, diff_id in zip(blobs, diff_ids, strict=True):
        with source.blob(blob.digest) as file:
            packed = compression.Hashed(readable(file))
            with compression.opened(packed) as stream:
                plain = compression.Hashed(stream)
                layers.apply(plain, str(tree), owners=owners)
            plain.check(diff_id)
            packed.check(blob.digest)
    return named.name or ""


def _document(source: Source, digest: str) -> dict[str, dict[str, list[str]]]:
    with source.blob(digest) as file:
        hashed = compression.Hashed(readable(file))
        data = documents.read(hashed, digest)
    hashed.check(digest)
    found: dict[str, dict[str, list[str]]] = documents.parsed(data, digest)
    return found


def unpack_at(path: Path, tree: Path, **options: str) -> str:
    """Do the same with what lies at a path."""
    with layout.opened(str(path)) as source:
        return unpack(source, tree, **options)
