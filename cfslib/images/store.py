"""store: the images of a user: what they are made of, and what they are called.

    blobs/sha256/HEX     manifests, configs and layers, as they came
    trees/HEX/root       the root filesystem of an image, its layers merged
    names/NAME           what `cfs run --image NAME` has to know
    steps/, builds/      what builds have made, and those that go on: see `steps`

Nothing has its name before it is whole, and nothing that has one is written to; so two
may work here at once, and each may be killed at any moment.  Who brings an image holds
a shared lock on the store, and who clears away an exclusive one.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from cfslib.images import (
    choice,
    clearing,
    config,
    documents,
    layout,
    locks,
    manifests,
    ours,
    picked,
    reference,
)
from cfslib.images.blobs import Blobs
from cfslib.images.clearing import Cleared
from cfslib.images.config import Config
from cfslib.images.descriptor import Descriptor, Named
from cfslib.images.layout import Source
from cfslib.images.loading import Loaded, Loading
from cfslib.images.manifests import Manifest
from cfslib.images.names import Names
from cfslib.images.picked import Picked
from cfslib.images.progress import Progress, unseen
from cfslib.images.repacked import Repacked
from cfslib.images.steps import Steps
from cfslib.images.trees import Trees

_PATIENCE = 10.0  # seconds to wait for who brings an image


class InUse(OSError):
    """A container uses the files of an image."""


class Store:
    """The images of a user."""

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self.directory = os.path.abspath(directory or picked.directory(os.environb))
        ours.check(self.directory, picked.VARIABLE)
        self.blobs = Blobs(f"{self.directory}/blobs/sha256")
        self.trees = Trees(f"{self.directory}/trees")
        self.names = Names(self.directory)
        self.repacked = Repacked(f"{self.directory}/repacked")
        self.steps = Steps(self.directory, self.blobs)

    def find(self, name: str) -> Picked:
        """Return the image that a name, or the beginning of an id, stands for."""
        return self.names.find(name)

    def images(self) -> Iterator[Picked]:
        """Yield every image, once for each of its names."""
        return iter(self.names)

    def tree(self, image: Picked) -> str:
        """Return the root filesystem of an image: a directory to read from."""
        return image.tree

    def blob(self, digest: str) -> BinaryIO:
        """Open a part of an image."""
        return self.blobs.open(digest)

    def manifest(self, image: Picked) -> Manifest:
        """Return what an image is made of."""
        found = manifests.read(self.blobs.read(image.manifest, documents.LIMIT))
        if not isinstance(found, Manifest):
            raise ValueError(f"{image.name}: its manifest is a list")
        return found

    def config(self, image: Picked) -> Config:
        """Return what an image says of itself."""
        return config.read(self.blobs.read(image.config, documents.LIMIT))

    def load(
        self,
        source: Source,
        name: str | None = None,
        *,
        progress: Progress = unseen,
        owners: str = picked.REAL,
        stem: str = "",
    ) -> list[Loaded]:
        """Take in the images of a layout or an archive: all, or the one to be `name`.

        `stem` is what an image is of that has a tag there and no name.
        """
        return [
            self.bring(source, what, called, progress=progress, owners=owners)
            for what, called in choice.chosen(source, name, stem)
        ]

    def bring(
        self,
        source: Source,
        what: Descriptor,
        name: str,
        *,
        progress: Progress = unseen,
        owners: str = picked.REAL,
    ) -> Loaded:
        """Take in one image; of a list, the one for this machine.

        If it cannot be, the store is as it was; but what a far source has brought
        before it was interrupted stays, until the image is brought again or `prune`.
        """
        called = reference.parse(name)
        ours.make(self.directory)
        load = Loading(self.blobs, self.trees, source, progress, owners)
        try:
            with locks.held(self.directory, shared=True):
                loaded = load.run(what, called)
                self.names.give(called, loaded.image)
        except BaseException as error:
            if not load.goes_on(error):
                with suppress(OSError):  # somebody else works here: `prune` will do it
                    self._clear(set(load.added))
            raise
        return loaded

    def tag(self, image: Picked, name: str) -> Picked:
        """Give an image one more name."""
        called = reference.parse(name)
        with locks.held(self.directory, shared=True):
            again = self.find(image.name).changed(name=str(called))
            self.names.give(called, again)
        return again

    def remove(self, image: Picked, *, force: bool = False) -> Cleared | None:
        """Take a name from an image; with the last one goes what nothing else needs.

        Raise `InUse` if that is the last one and a container uses its files, unless it
        is forced.  None if somebody brings an image, and `prune` will have to do it.
        """
        if not force and not self._others_with_the_tree_of(image):
            users = self.trees.users(image.key)
            if users is not None:
                raise _in_use(image, users)
        parts = clearing.parts_of(image, self.blobs)
        self.names.take(image)
        try:
            return self._clear(parts)
        except locks.Busy:
            return None

    def _others_with_the_tree_of(self, image: Picked) -> bool:
        others = (one for one in self.names if one.name != image.name)
        return any(one.tree == image.tree for one in others)

    def save(self, image: Picked, place: str, *, docker: bool = False) -> None:
        """Write an image to a directory or a file: an OCI layout, or for Docker."""
        size = self.blobs.size(image.manifest)
        kind = self.names.media_type(image)
        named = Named(image.familiar, Descriptor(kind, image.manifest, size))
        is_directory = place.endswith("/") or os.path.isdir(place)
        if os.listdir(place) if os.path.isdir(place) else os.path.lexists(place):
            raise FileExistsError(f"{place} is there, and stays as it is")
        if docker:
            layout.write_docker(place, [named], self.blob)
        else:
            layout.write_oci(place, [named], self.blob, archive=not is_directory)

    def prune(self) -> Cleared:
        """Clear away all that no image needs."""
        if not os.path.isdir(self.directory):
            return Cleared([], [], [], 0)
        with locks.held(self.directory, patience=_PATIENCE):
            cleared = clearing.clear_all(self.blobs, self.trees, self.names)
            self.repacked.clear(set(self.blobs))
            self.steps.clear()  # those whose layers went
            return cleared

    def _clear(self, parts: set[str]) -> Cleared:
        """Clear away these parts now, or raise `Busy`."""
        with locks.held(self.directory, patience=0):
            return clearing.clear(parts, self.blobs, self.trees, self.names)


def _in_use(image: Picked, users: list[int]) -> InUse:
    of = f" (process {', '.join(map(str, users))})" if users else ""
    error = InUse(f"{image.familiar} is in use by a container{of}")
    error.add_note(
        "Hint: `cfs image rm --force` takes the name, and the files go later."
    )
    return error
