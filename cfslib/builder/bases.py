"""bases: what a stage begins with, and what has become of it so far."""

import copy
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from cfslib.builder import taking
from cfslib.builder.stages import HOST_TOOLS, SCRATCH
from cfslib.builder.workplace import MOST, Root, Workplace
from cfslib.images import (
    cache,
    compression,
    config,
    documents,
    layers,
    manifests,
    recipe,
    tar_index,
    trees,
)
from cfslib.images.descriptor import LAYER
from cfslib.images.dockerfile import Instruction
from cfslib.images.recipe import Recipe
from cfslib.images.steps import Layer, Made
from cfslib.images.store import Store

EMPTY = "0" * 64  # the key of no files at all


@dataclass
class Image:
    """An image that is being made."""

    recipe: Recipe
    top: dict[str, Any]  # what its config says besides
    key: str  # stands for its files
    created: str = ""
    layers: list[Layer] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    root: Root | None = None  # where its files are; None: nobody has asked yet

    def fork(self) -> "Image":
        """Return the same once more, for a stage that begins with it."""
        return replace(
            self,
            recipe=Recipe(copy.deepcopy(self.recipe.config)),
            layers=[*self.layers],
            history=[*self.history],
        )

    def add(self, made: Made, by: str) -> None:
        """Take in what a step has made."""
        self.created = max(self.created, made.created)
        entry: dict[str, Any] = {"created": self.created, "created_by": by}
        if made.layer:
            self.layers.append(made.layer)
            if len(self.layers) > config.LAYERS:
                raise ValueError(f"more than {config.LAYERS} layers")
        else:
            entry["empty_layer"] = True
        self.history.append(entry)

    def next_key(self, *parts: object) -> str:
        """Return what stands for the files that a step makes of these."""
        return key_of(self.key, *parts)


def key_of(*parts: object) -> str:
    """Return a hash of values that JSON knows."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Bases:
    """Finds images in a store, and makes one of this machine's programs."""

    def __init__(
        self,
        store: Store,
        work: Workplace,
        now: Callable[[], str],
    ) -> None:
        self._store, self._work, self._now = store, work, now
        self._owners, self._call = work.hands.owners, work.hands.call

    def find(self, name: str, step: Instruction) -> Image:
        """Return the image that FROM or --from names."""
        if name == SCRATCH:
            here = manifests.machine()
            top = {"architecture": here.architecture, "os": here.os}
            if here.variant:
                top["variant"] = here.variant
            return Image(recipe.of_nothing(), top, EMPTY)
        if name == HOST_TOOLS:
            return self._host_tools(step)
        try:
            return self._image(name)
        except LookupError as error:
            raise step.wrong(
                str(error),
                f"`cfs image load` brings one, and {HOST_TOOLS}"
                " is made of this machine's programs",
            ) from None
        except ValueError as error:
            raise step.wrong(f"{name}: {error}") from None

    def _image(self, name: str) -> Image:
        found = self._store.find(name)
        parts = self._store.manifest(found)
        data = self._store.blobs.read(found.config, documents.LIMIT)
        about = config.read(data)
        top = documents.parsed(data, "config")
        inner = top.pop("config", None) or {}
        if inner.get("OnBuild"):
            raise ValueError("it has ONBUILD in it, which is not known")
        both = zip(parts.layers, about.diff_ids, strict=True)
        known = ("architecture", "os", "variant", "os.version", "os.features")
        return Image(
            Recipe(inner),
            {key: top[key] for key in known if top.get(key)},
            key_of("image", found.config, self._owners),
            about.created,
            [
                Layer(it.digest, it.size, diff, _kind(it.media_type))
                for it, diff in both
            ],
            [dict(one) for one in top.get("history") or []],
        )

    def _host_tools(self, step: Instruction) -> Image:
        """Return an image of the everyday tools, as they are now."""
        image = self.find(SCRATCH, step)
        root = cache.current()
        status = os.stat(root)
        stamp = (os.path.basename(root), status.st_ino, status.st_ctime_ns)
        image.key = key_of(HOST_TOOLS, stamp, self._owners)
        image.recipe = recipe.of_host_tools()
        made = self._store.steps.find(image.key)
        if not made:
            file = self._work.file("host-tools.tar")
            digest, size = self._call(lambda: taking.archive(root, file))
            self._store.blobs.take(file, digest)
            made = Made(self._now(), Layer(digest, size, digest))
            self._store.steps.keep(image.key, made)
        image.add(made, "FROM host-tools")
        return image

    def root(self, image: Image) -> Root:
        """Return where the files of an image are: merged now, if need be."""
        if image.root is None or len(image.root.layers) >= MOST:
            image.root = Root(self._tree(image))
        return image.root

    def _tree(self, image: Image) -> str:
        store, owners = self._store, self._owners
        keys = trees.keys([layer.diff_id for layer in image.layers], owners)
        start = store.trees.below(keys)

        def complete(root: str) -> None:
            for layer in image.layers[start:]:
                _apply(store, layer, root, owners)

        base = keys[start - 1] if start else None
        if not store.trees.has(keys[-1]):
            self._call(lambda: store.trees.make(keys[-1], base, complete))
        return store.trees.path(keys[-1])


def _apply(store: Store, layer: Layer, root: str, owners: str) -> None:
    with (
        store.blobs.open(layer.digest) as blob,
        compression.opened(tar_index.readable(blob)) as unpacked,
    ):
        plain = compression.Hashed(unpacked)
        layers.apply(plain, root, owners=owners)
        plain.check(layer.diff_id, "a layer")


def _kind(media_type: str) -> str:
    """Return the type that a layer has in a manifest of the OCI's."""
    for packed in ("gzip", "zstd"):
        if media_type.endswith(packed):
            return f"{LAYER}+{packed}"
    return LAYER
