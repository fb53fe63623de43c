"""steps: what the steps of builds have made, so that none has to be taken twice.

    steps/KEY      what a step made; the key is a hash of all that the step depends on
    builds/NAME    a build that goes on, or was killed

A step counts as long as its layer is in the store.  So what no image needs any more is
forgotten when it is cleared away.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from cfslib.images import ours, removal
from cfslib.images.blobs import Blobs
from cfslib.images.descriptor import LAYER, Descriptor

_LONGEST = 4096


@dataclass(frozen=True)
class Layer:
    """A layer in the store, by its two digests."""

    digest: str
    size: int
    diff_id: str
    media_type: str = LAYER

    @property
    def descriptor(self) -> Descriptor:
        """Return what a manifest says of it."""
        return Descriptor(self.media_type, self.digest, self.size)


@dataclass(frozen=True)
class Made:
    """What a step has made, and when; perhaps no layer, if it changed no file."""

    created: str
    layer: Layer | None = None


class Steps:
    """The steps that a store remembers."""

    def __init__(self, store: str, blobs: Blobs) -> None:
        self._directory, self._builds = f"{store}/steps", f"{store}/builds"
        self._blobs = blobs

    def find(self, key: str) -> Made | None:
        """Return what a step has made, if that is still here."""
        data = ours.read(f"{self._directory}/{key}")
        if not data or len(data) > _LONGEST:
            return None
        try:
            found = json.loads(data)
            layer = Layer(**found["layer"]) if found["layer"] else None
            made = Made(found["created"], layer)
        except (ValueError, KeyError, TypeError):
            return None
        is_here = not layer or self._blobs.has(layer.digest, layer.size)
        return made if is_here else None

    def keep(self, key: str, made: Made) -> None:
        """Remember what a step has made."""
        ours.make(self._directory)
        ours.write(f"{self._directory}/{key}", json.dumps(asdict(made)).encode())

    def new_build(self) -> str:
        """Return a directory for a build, of which nothing is to be left."""
        ours.make(self._builds)
        return tempfile.mkdtemp(prefix="", dir=self._builds)

    def clear(self) -> None:
        """Remove what is left of builds, and the steps whose layers are gone.

        Call it while nobody builds, with the rights over the files of images.
        """
        for name in _names(self._builds):
            removal.remove_tree(f"{self._builds}/{name}")
        for name in _names(self._directory):
            made = self.find(name)
            if not made or not made.layer:  # without one it is made again at once
                with suppress(FileNotFoundError):
                    os.unlink(f"{self._directory}/{name}")


def _names(directory: str) -> Iterator[str]:
    with suppress(FileNotFoundError):
        yield from os.listdir(directory)
