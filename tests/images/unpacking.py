"""Unpack an image, as a program too: then it prints its peak of memory, in KB."""

import os
import sys
from pathlib import Path

from cfslib.images import compression, descriptor, documents, layers, layout
from cfslib.images.layout import Source
from cfslib.images.tar_index import readable
from cfslib.kernel import procfs


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


if __name__ == "__main__":
    unpack_at(Path(sys.argv[1]), Path(sys.argv[2]))
    # Not getrusage(2): what it says of a child begins with the size of its parent.
    print(procfs.status("self")["VmHWM"].split()[0])
