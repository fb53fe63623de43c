"""Images made by hand: an OCI layout is a few files of JSON and some archives."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
NAME = "org.opencontainers.image.ref.name"
HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "other")

Files = Mapping[str, bytes]  # a name that ends in / is a directory


@dataclass
class Layout:
    """An OCI layout that grows."""

    place: Path
    entries: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.place / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (self.place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self._write()

    def blob(self, data: bytes, kind: str) -> dict[str, Any]:
        """Add a blob; return its descriptor."""
        digits = hashlib.sha256(data).hexdigest()
        (self.place / "blobs/sha256" / digits).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digits}", "size": len(data)}

    def image(
        self,
        name: str | None,
        layers: Sequence[bytes],
        platform: Mapping[str, str] | None = None,
        steps: Sequence[str] = (),
        **config: Any,
    ) -> dict[str, Any]:
        """Add an image of these layers, which are archives; return its descriptor."""
        entry = self.manifest(layers, steps, **config)
        if name is not None:
            entry["annotations"] = {NAME: name}
        if platform:
            entry["platform"] = dict(platform)
        self.entries.append(entry)
        self._write()
        return entry

    def manifest(
        self, layers: Sequence[bytes], steps: Sequence[str] = (), **config: Any
    ) -> dict[str, Any]:
        """Add a manifest with its parts; return its descriptor."""
        top = {
            "architecture": HERE,
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [*map(digest, layers)]},
            "history": [{"created_by": step} for step in steps],
        }
        packed = [gzip.compress(layer, 1, mtime=0) for layer in layers]
        return self.json(
            MANIFEST,
            config=self.json(CONFIG, **top),
            layers=[self.blob(data, LAYER) for data in packed],
        )

    def index(self, name: str, entries: Iterable[Mapping[str, Any]]) -> None:
        """Add a list of images."""
        entry = self.json(INDEX, manifests=list(entries))
        self.entries.append(entry | {"annotations": {NAME: name}})
        self._write()

    def json(self, kind: str, **parts: Any) -> dict[str, Any]:
        """Add a blob of JSON; return its descriptor."""
        about = {} if kind == CONFIG else {"schemaVersion": 2, "mediaType": kind}
        return self.blob(json.dumps(about | parts).encode(), kind)

    def _write(self) -> None:
        index = {"schemaVersion": 2, "manifests": self.entries}
        (self.place / "index.json").write_text(json.dumps(index))


def layer(
    files: Files,
    links: Mapping[str, str] | None = None,
    owner: tuple[int, int] = (0, 0),
    mode: int = 0o755,
) -> bytes:
    """Return an archive with these files."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = _member(name, content)
            member.uid, member.gid = owner
            member.mode = mode
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return data.getvalue()


def _member(name: str, content: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name.removesuffix("/"))
    member.mtime = 1_000_000_000
    member.size = len(content)
    if name.endswith("/"):
        member.type = tarfile.DIRTYPE
    return member


def packed(root: Path) -> bytes:
    """Return a directory as an archive; its files belong to root."""

    def of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(root, ".", filter=of_root)
    return data.getvalue()


def digest(data: bytes) -> str:
    """Return the hash of data, as it stands in manifests."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
