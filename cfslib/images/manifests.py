"""manifests: what an image is made of, each part by its hash.

A manifest names a config and layers.  An index names manifests of the same image for
several kinds of machines.  Both are JSON: the OCI image specification, manifest.md and
image-index.md; Docker's own formats differ in names of types alone.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cfslib.images import config, reference

MOST = 4 << 20  # bytes of one: registries take no more
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
# The processor as Go calls it, by `uname -m`; and its variant, the best one.
_PROCESSORS = {
    "x86_64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", "v8"),
    "armv8l": ("arm", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "armv5tel": ("arm", "v5"),
    "loongarch64": ("loong64", ""),
    "mips64": ("mips64le", ""),
    "ppc64le": ("ppc64le", ""),
    "riscv64": ("riscv64", ""),
    "s390x": ("s390x", ""),
}


@dataclass(frozen=True)
class Platform:
    """A kind of machine."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


@dataclass(frozen=True)
class Descriptor:
    """A part of an image: what it is, and how to know that one has the right one."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    name: str = ""  # of an image, where an OCI layout gives it one


@dataclass(frozen=True)
class Manifest:
    """The parts of an image."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


def machine() -> Platform:
    """Return what kind of machine this is."""
    processor = os.uname().machine
    architecture, variant = _PROCESSORS.get(processor, (processor, ""))
    return Platform("linux", architecture, variant)


def read(data: bytes) -> Manifest | tuple[Descriptor, ...]:
    """Read a manifest, or the entries of an index; raise `ValueError` for another."""
    top = config.document(data, "manifest", MOST)
    if top.get("schemaVersion") != 2:
        raise ValueError("manifest: schemaVersion is not 2; older ones are not read")
    if "manifests" in top and "layers" not in top:
        return tuple(map(descriptor, _objects(top, "manifests")))
    parts = config.part(top, "config", dict)
    if parts is None or "layers" not in top or "manifests" in top:
        raise ValueError("manifest: it should have a config and layers")
    layers = tuple(map(descriptor, _objects(top, "layers")))
    if len(layers) > config.LAYERS:
        raise ValueError(f"manifest: more than {config.LAYERS} layers")
    return Manifest(descriptor(parts), layers)


def descriptor(found: Mapping[str, Any]) -> Descriptor:
    """Read one entry of a manifest or an index."""
    digest = config.text(found, "digest")
    if not reference.is_digest(digest):
        raise ValueError(f"digest is {digest[:80]!r}, but should be a sha256")
    notes = config.part(found, "annotations", dict) or {}
    return Descriptor(
        config.text(found, "mediaType"),
        digest,
        config.number(found, "size"),
        _platform(config.part(found, "platform", dict)),
        config.text(notes, "org.opencontainers.image.ref.name"),
    )


def for_machine(
    entries: Sequence[Descriptor], wanted: Platform | None = None
) -> Descriptor:
    """Return the entry of an index that is for this machine.

    Raise `LookupError` that says which ones there are.
    """
    wanted = wanted or machine()
    ranked = [(_rank(one.platform, wanted), one) for one in entries]
    fitting = [(rank, one) for rank, one in ranked if rank is not None]
    if not fitting:
        kinds = sorted({str(one.platform) for one in entries if one.platform})
        there = ", ".join(kinds[:8]) or "nothing"
        raise LookupError(f"no image for {wanted} in the list; there is {there}")
    return max(fitting, key=lambda pair: pair[0])[1]


def _rank(offered: Platform | None, wanted: Platform) -> int | None:
    """Return how well an entry suits a machine, the best highest; None: it does not."""
    if offered is None:
        return -1  # it may be for any
    kinds = (offered.os, offered.architecture)
    if kinds != (wanted.os, wanted.architecture):
        return None
    if offered.variant == wanted.variant:
        return 100
    theirs, ours = _version(offered.variant), _version(wanted.variant)
    if theirs > ours and wanted.variant:
        return None  # it is for a later processor
    # Of x86, v2 and more are for some; an entry without a variant is for all.
    return theirs if wanted.variant or theirs < 2 else None


def _version(variant: str) -> int:
    digits = variant.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


def _platform(found: Mapping[str, Any] | None) -> Platform | None:
    if found is None:
        return None
    names = ("os", "architecture", "variant")
    return Platform(*(config.text(found, name) for name in names))


def _objects(of: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = config.part(of, name, list) or []
    for one in found:
        if not isinstance(one, dict):
            raise ValueError(f"{name} has something in it that is no object")
    return list(found)
