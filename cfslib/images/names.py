"""names: which images there are, each under the names that people gave it.

The file of a name is replaced in one step, so that who reads it sees the old image or
the new one.  `index.json` is written from all of them, and makes the store an OCI image
layout, which other programs can read.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress

from cfslib.images import descriptor, documents, locks, ours, picked
from cfslib.images.descriptor import Descriptor
from cfslib.images.picked import Picked
from cfslib.images.reference import Reference

_NAME = "org.opencontainers.image.ref.name"
_LAYOUT = {"imageLayoutVersion": "1.0.0"}


class Names:
    """The names in a store."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._directory = f"{place}/names"
        self._draft = f"{place}/names.part"  # of who holds the lock

    def __iter__(self) -> Iterator[Picked]:
        return picked.names(self._place)

    def all_or_none(self) -> list[Picked]:
        """Return every image; raise if one cannot be read, and so is not known."""
        try:
            files = os.listdir(self._directory)
        except FileNotFoundError:
            return []
        return [self._read(f"{self._directory}/{file}") for file in files]

    def _read(self, path: str) -> Picked:
        with open(path, "rb") as file:
            data = file.read()
        try:
            return picked.parsed(data, self._place)
        except (ValueError, LookupError):
            raise ValueError(f"{path} is not the name of an image: remove it") from None

    def find(self, name: str) -> Picked:
        """Return the image that a name or an id stands for."""
        return picked.find(name, self._place)

    def of(self, image: Picked) -> list[Picked]:
        """Return the same image under each of its names."""
        return [one for one in self if one.config == image.config]

    def give(self, name: Reference, image: Picked) -> None:
        """Have a name stand for an image, whatever it stood for before."""
        file, data = picked.file_in(self._place, name), as_text(image)
        if ours.read(file) == data:
            return
        ours.make(self._directory)
        with locks.held(self._directory):
            ours.write(file, data, self._draft)
            self._write_index()

    def take(self, image: Picked) -> None:
        """Have a name stand for nothing."""
        with locks.held(self._directory):
            with suppress(FileNotFoundError):
                os.unlink(f"{self._directory}/{image.name.replace('/', '+')}")
            self._write_index()

    def clear_parts(self) -> None:
        """Remove what is left of a file that was never finished."""
        with suppress(FileNotFoundError), locks.held(self._directory):
            ours.remove(self._draft)
            self._write_index()

    def _write_index(self) -> None:
        entries = [self._entry(image) for image in self]
        index = {"schemaVersion": 2, "manifests": [one for one in entries if one]}
        for name, content in (("oci-layout", _LAYOUT), ("index.json", index)):
            data = json.dumps(content, indent=1).encode()
            if ours.read(f"{self._place}/{name}") != data:
                ours.write(f"{self._place}/{name}", data, self._draft)

    def _entry(self, image: Picked) -> dict[str, object]:
        try:
            size = os.stat(self._manifest(image)).st_size
            what = Descriptor(
                self.media_type(image), image.manifest, size, {_NAME: image.name}
            )
        except (OSError, ValueError):
            return {}  # it has lost its manifest
        return what.as_json()

    def media_type(self, image: Picked) -> str:
        """Return the type of the manifest of an image; where none is said, OCI's."""
        with open(self._manifest(image), "rb") as file:
            found = documents.parsed(file.read(), image.manifest)
        return str(found.get("mediaType") or descriptor.MANIFEST)

    def _manifest(self, image: Picked) -> str:
        return f"{self._place}/blobs/{image.manifest.replace(':', '/')}"


def as_text(image: Picked) -> bytes:
    """Return an image as `picked.parsed` can read it."""
    lines = [
        picked.FIRST,
        f"name {image.name}",
        f"manifest {image.manifest}",
        f"config {image.config}",
        f"tree {image.key}",
        f"owners {image.owners}",
        f"size {image.size}",
        f"created {image.created}",
        f"user {image.user}",
        f"workdir {image.workdir}",
        f"stop {image.stop_signal}",
        *(f"entry {word}" for word in image.entrypoint),
        *(f"cmd {word}" for word in image.cmd),
        *(f"env {variable}" for variable in image.env),
        "end",
    ]
    return "\0".join(lines).encode("utf-8", "surrogateescape")
