"""clearing: take away what no image needs, and nothing that one does.

Call it while nobody brings an image: what comes is needed before it has a name.
"""

from dataclasses import dataclass

from cfslib.images import documents, manifests
from cfslib.images.blobs import Blobs
from cfslib.images.manifests import Manifest
from cfslib.images.names import Names
from cfslib.images.picked import Picked
from cfslib.images.trees import Trees


@dataclass(frozen=True)
class Cleared:
    """What was cleared away."""

    blobs: list[str]
    trees: list[str]
    in_use: list[str]  # trees that stay for now
    size: int  # bytes


def clear_all(blobs: Blobs, trees: Trees, names: Names) -> Cleared:
    """Take away what no image needs, and what was never finished."""
    for each in (blobs, trees, names):
        each.clear_parts()
    return clear({*blobs, *trees}, blobs, trees, names)


def clear(parts: set[str], blobs: Blobs, trees: Trees, names: Names) -> Cleared:
    """Take away these blobs and trees, but for what images need."""
    needed = {part for image in names.all_or_none() for part in parts_of(image, blobs)}
    gone = ({*blobs, *trees} & parts) - needed
    digests = {part for part in gone if part.startswith("sha256:")}
    sizes = {key: trees.remove(key) for key in gone - digests}
    freed = sum(map(blobs.remove, digests))
    in_use = {key for key in sizes if sizes[key] is None}
    return Cleared(
        sorted(digests),
        sorted(sizes.keys() - in_use),
        sorted(in_use),
        freed + sum(filter(None, sizes.values())),
    )


def parts_of(image: Picked, blobs: Blobs) -> set[str]:
    """Return the blobs and the tree of an image."""
    parts = {image.manifest, image.config, image.key}
    try:
        found = manifests.read(blobs.read(image.manifest, documents.LIMIT))
    except (FileNotFoundError, ValueError):
        return parts  # it is damaged; who has it anew brings its layers too
    if isinstance(found, Manifest):
        parts |= {layer.digest for layer in found.layers}
    return parts
