"""loading: bring an image into a store, part by part, and merge its layers.

Of each part the length and the hash are known before it comes; a layer has two, as it
travels and uncompressed, and both are verified.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from cfslib.images import config, documents, manifests, reference
from cfslib.images.blobs import Blobs, CutOff, verified
from cfslib.images.compression import Hashed, opened
from cfslib.images.config import Config
from cfslib.images.descriptor import Descriptor
from cfslib.images.layout import Source
from cfslib.images.manifests import Manifest
from cfslib.images.picked import Picked
from cfslib.images.progress import Progress
from cfslib.images.trees import Trees
from cfslib.images.trees import keys as tree_keys

_MOST = documents.LIMIT
_DEPTH = 4  # of indexes in indexes
_BLOCK = 1 << 20


@dataclass
class Loaded:
    """An image that has come, and what there is to say of that."""

    image: Picked
    is_new: bool = False  # its tree was made now
    left_out: list[str] = field(default_factory=list)  # what could not be made


class Loading:
    """One load of an image."""

    def __init__(
        self,
        blobs: Blobs,
        trees: Trees,
        source: Source,
        progress: Progress,
        owners: str,
    ) -> None:
        self._blobs, self._trees = blobs, trees
        self._source, self._progress, self._owners = source, progress, owners
        self.added: list[str] = []  # blobs and trees that may not have been here
        self._done = self._total = 0

    def run(self, what: Descriptor, name: reference.Reference) -> Loaded:
        """Bring all parts, and merge the layers."""
        what, manifest = self._manifest(what)
        self._bring(manifest.config, _MOST)
        about = config.read(self._blobs.read(manifest.config.digest, _MOST))
        if len(about.diff_ids) != len(manifest.layers):
            raise ValueError(
                f"the config speaks of {len(about.diff_ids)} layers, and the manifest"
                f" of {len(manifest.layers)}"
            )
        keys = tree_keys(about.diff_ids, self._owners)
        start = self._trees.below(keys)
        self._plan(manifest, start)
        for layer in manifest.layers:
            self._bring(layer)
        loaded = Loaded(self._image(what, manifest, about, keys[-1], name))
        if not self._trees.has(keys[-1]):
            self._merge(manifest, about, keys, start, loaded)
        size = self._trees.size(keys[-1])
        loaded.image = loaded.image.changed(size=size)
        return loaded

    def goes_on(self, error: BaseException) -> bool:
        """Say if a later load is to go on where an error stopped this one."""
        is_interrupted = isinstance(error, CutOff | KeyboardInterrupt)
        return self._source.resumes and is_interrupted

    def _manifest(
        self, what: Descriptor, depth: int = 0
    ) -> tuple[Descriptor, Manifest]:
        """Return the manifest for this machine, however many lists lead to it."""
        if depth > _DEPTH:
            raise ValueError("a list of images leads to a list, and so on")
        data = self._small(what, _MOST)
        found = manifests.read(data)
        if not isinstance(found, Manifest):
            return self._manifest(manifests.for_machine(found), depth + 1)
        self._bring(what, _MOST)
        return what, found

    def _small(self, what: Descriptor, most: int) -> bytes:
        """Return a manifest or a list: from the store if it is there."""
        if self._blobs.has(what.digest):
            return self._blobs.read(what.digest, most)
        if what.size > most:
            raise ValueError(f"{what.digest}: {what.size} bytes are too many for this")
        with self._source.blob(what.digest) as stream:
            return verified(_all(stream, what.size), what.digest)

    def _bring(self, what: Descriptor, most: int | None = None) -> None:
        """Have a blob in the store."""
        if self._blobs.has(what.digest, what.size):
            return
        if most is not None and what.size > most:
            raise ValueError(f"{what.digest}: {what.size} bytes are too many for this")
        self.added.append(what.digest)
        seen = self._seen if most is None else lambda _: None
        with self._source.blob(what.digest) as stream:
            resumes = self._source.resumes and most is None
            self._blobs.add(what.digest, what.size, stream, seen, resumes=resumes)

    def _plan(self, manifest: Manifest, start: int) -> None:
        """Find out how many bytes there are to bring and to merge."""
        has = self._blobs.has
        missing = {x.digest: x.size for x in manifest.layers if not has(x.digest)}
        above = sum(layer.size for layer in manifest.layers[start:])
        self._total = sum(missing.values()) + above

    def _seen(self, count: int) -> None:
        self._done += count
        self._progress(min(self._done, self._total), self._total)

    def _merge(
        self,
        manifest: Manifest,
        about: Config,
        keys: list[str],
        start: int,
        loaded: Loaded,
    ) -> None:
        def complete(root: str) -> None:
            steps = zip(manifest.layers, about.diff_ids, strict=True)
            for layer, diff_id in list(steps)[start:]:
                loaded.left_out += self._apply(layer, diff_id, root)

        self.added.append(keys[-1])
        base = keys[start - 1] if start else None
        self._trees.make(keys[-1], base, complete)
        loaded.is_new = True

    def _apply(self, layer: Descriptor, diff_id: str, root: str) -> list[str]:
        """Put a layer above what is there."""
        from cfslib.images import layers  # here, because most trees are there

        with (
            self._blobs.open(layer.digest) as blob,
            opened(_Watched(blob, self._seen)) as unpacked,
        ):
            plain = Hashed(unpacked)
            applied = layers.apply(plain, root, owners=self._owners)
            plain.check(diff_id, "a layer")
        return applied.left_out

    def _image(
        self,
        what: Descriptor,
        manifest: Manifest,
        about: Config,
        key: str,
        name: reference.Reference,
    ) -> Picked:
        return Picked(
            name=str(name),
            manifest=what.digest,
            config=manifest.config.digest,
            tree=self._trees.path(key),
            owners=self._owners,
            created=about.created,
            entrypoint=about.entrypoint,
            cmd=about.cmd,
            env=about.env,
            user=about.user,
            workdir=about.workdir,
            stop_signal=about.stop_signal,
        )


def _all(stream: BinaryIO, size: int) -> bytes:
    """Return what a stream has, but no more than one byte too many."""
    data = b""
    while len(data) <= size and (more := stream.read(size + 1 - len(data))):
        data += more
    return data


class _Watched:
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, seen: Callable[[int], None]) -> None:
        self._file, self._seen = file, seen

    def read1(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        data = self._file.read(size)
        self._seen(len(data))
        return data
