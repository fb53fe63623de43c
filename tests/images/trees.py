"""Trees, the archives that make them, and how two of them differ."""

import gzip
import io
import json
import os
import stat
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cfslib.images import layers
from cfslib.images.tar import Entry, Kind, Writer

NOT_COMPARED = ("system.", "security.selinux", "trusted.overlay.", "user.overlay.")


def archive(*entries: "Entry | tuple[Entry, bytes]", end: bool = True) -> bytes:
    """Return an archive of these entries."""
    stream = io.BytesIO()
    writer = Writer(stream)
    for each in entries:
        writer.add(*(each if isinstance(each, tuple) else (each,)))
    if end:
        writer.close()
    return stream.getvalue()


def file(name: str, data: bytes = b"", **other: Any) -> tuple[Entry, bytes]:
    """Return an entry of a file, and what is in it."""
    return Entry(name, Kind.FILE, size=len(data), **other), data


def directory(name: str, mode: int = 0o755, **other: Any) -> Entry:
    return Entry(name, Kind.DIRECTORY, mode, **other)


def symlink(name: str, target: str, **other: Any) -> Entry:
    return Entry(name, Kind.SYMLINK, 0o777, link=target, **other)


def hard_link(name: str, target: str, **other: Any) -> Entry:
    return Entry(name, Kind.HARD_LINK, link=target, **other)


def whiteout(name: str) -> tuple[Entry, bytes]:
    where, _, last = name.rpartition("/")
    return file(f"{where}/.wh.{last}" if where else f".wh.{last}")


def opaque(name: str) -> tuple[Entry, bytes]:
    return file(f"{name}/.wh..wh..opq" if name else ".wh..wh..opq")


def apply(tree: Path, *archives: bytes, **options: Any) -> list[layers.Applied]:
    """Put archives on top of a tree, which is made if need be."""
    tree.mkdir(exist_ok=True)
    return [layers.apply(io.BytesIO(each), str(tree), **options) for each in archives]


def names(tree: Path) -> set[str]:
    """Return the names of all that is in a tree."""
    return {str(path.relative_to(tree)) for path in tree.rglob("*")}


def contents(
    tree: Path, *, without: Iterable[str] = ()
) -> dict[str, dict[str, object]]:
    """Return all there is to know of the files of a tree."""
    inodes: dict[int, str] = {}
    found = {}
    for path in [tree, *sorted(tree.rglob("*"))]:
        if not os.path.lexists(path):
            continue  # overlay lists whiteouts in directories that hide nothing
        name = str(path.relative_to(tree))
        facts = _facts(path)
        inode = path.lstat().st_ino
        if not path.is_dir() or path.is_symlink():
            facts["same as"] = inodes.setdefault(inode, name)
        found[name] = {key: facts[key] for key in facts if key not in without}
    return found


def _facts(path: Path) -> dict[str, object]:
    status = path.lstat()
    kind = stat.S_IFMT(status.st_mode)
    return {
        "kind": kind,
        "mode": oct(status.st_mode),
        "owner": (status.st_uid, status.st_gid),
        "mtime": status.st_mtime_ns,
        "device": status.st_rdev if kind in (stat.S_IFCHR, stat.S_IFBLK) else 0,
        "target": os.readlink(path) if stat.S_ISLNK(kind) else "",
        "size": status.st_size if stat.S_ISREG(kind) else 0,
        "data": sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(kind) else "",
        "xattrs": _xattrs(path),
    }


def _xattrs(path: Path) -> Mapping[str, bytes]:
    found = os.listxattr(path, follow_symlinks=False)
    wanted = sorted(name for name in found if not name.startswith(NOT_COMPARED))
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in wanted}


def differences(one: Path, other: Path, *, without: Iterable[str] = ()) -> list[str]:
    """Say how two trees differ, a line a difference."""
    ours, theirs = (contents(tree, without=without) for tree in (one, other))
    return [
        f"{name}: {what}: {left.get(what)} and {right.get(what)}"
        for name in sorted(ours.keys() | theirs.keys())
        for left, right in [(ours.get(name, {}), theirs.get(name, {}))]
        for what in sorted(left.keys() | right.keys())
        if left.get(what) != right.get(what)
    ]


def layout(
    place: Path, *archives: bytes, packed: bool = True, name: str = "test"
) -> Path:
    """Make an image layout of archives, as anybody would by hand."""
    blobs = place / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes, media_type: str) -> dict[str, Any]:
        digest = sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        found = {"mediaType": media_type, "digest": f"sha256:{digest}"}
        return found | {"size": len(data)}

    kind = "application/vnd.oci.image"
    parts = [
        put(gzip.compress(each, 1, mtime=0), f"{kind}.layer.v1.tar+gzip")
        if packed
        else put(each, f"{kind}.layer.v1.tar")
        for each in archives
    ]
    diff_ids = [f"sha256:{sha256(each).hexdigest()}" for each in archives]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["true"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": put(json.dumps(config).encode(), f"{kind}.config.v1+json"),
        "layers": parts,
    }
    named = put(json.dumps(manifest).encode(), f"{kind}.manifest.v1+json")
    named["annotations"] = {"org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "manifests": [named]}
    (place / "index.json").write_text(json.dumps(index))
    (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return place
