"""manifests: what an image is made of, each part by its hash.

A manifest names a config and layers.  An index names manifests of the same image for
several kinds of machines.  Both are JSON: the OCI image specification, manifest.md and
image-index.md; Docker's own formats differ in names of types alone.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cfslib.images import config, descriptor, documents
from cfslib.images.descriptor import Descriptor
from cfslib.images.documents import BadDocument

_WHAT = "manifest"
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
class Manifest:
    """The parts of an image."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


def machine() -> Platform:
    """Return what kind of machine this is."""
    processor = os.uname().machine
    return Platform("linux", *_PROCESSORS.get(processor, (processor, "")))


def read(data: bytes) -> Manifest | tuple[Descriptor, ...]:
    """Read a manifest, or the entries of an index; raise `BadDocument` for another."""
    if len(data) > documents.LIMIT:
        raise BadDocument(f"{_WHAT} is longer than {documents.LIMIT} bytes")
    top = documents.parsed(data, _WHAT)
    if top.get("schemaVersion") != 2:
        raise BadDocument(f"{_WHAT}: schemaVersion is not 2; others are not read")
    if ("manifests" in top) is ("layers" in top):
        raise BadDocument(f"{_WHAT}: it should have layers or manifests, and not both")
    if "manifests" in top:
        return tuple(descriptor.blobs(top, _WHAT))
    first, *layers = descriptor.blobs(top, _WHAT)
    if len(layers) > config.LAYERS:
        raise BadDocument(f"{_WHAT}: more than {config.LAYERS} layers")
    return Manifest(first, tuple(layers))


def for_machine(
    entries: Sequence[Descriptor], wanted: Platform | None = None
) -> Descriptor:
    """Return the entry of an index that is for this machine.

    Raise `LookupError` that says which ones there are.
    """
    wanted = wanted or machine()
    offers = [(_platform(one.platform), one) for one in entries]
    ranked = [(_rank(offered, wanted), one) for offered, one in offers]
    fitting = [(rank, one) for rank, one in ranked if rank is not None]
    if not fitting:
        kinds = sorted({str(offered) for offered, _ in offers if offered})
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


def _platform(found: Mapping[str, Any]) -> Platform | None:
    names = ("os", "architecture", "variant")
    texts = (documents.part(found, name, str, _WHAT, "") for name in names)
    return Platform(*texts) if found else None
