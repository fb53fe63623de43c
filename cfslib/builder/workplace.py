"""workplace: where the layers of a build are until they are finished.

What a step writes goes into the upper directory of an overlay, and that is its layer.
Below are the layers of the steps before it, and the tree of what the build began with;
so a step costs as much as what it changes, however much there is.

A build in progress is a directory of the store.  Whoever is killed leaves that behind,
and `prune` clears it away; its containers and its mounts end with it.
"""

import os
from dataclasses import dataclass, field
from typing import Self

from cfslib.builder.hands import Hands, mount_memory
from cfslib.images import removal
from cfslib.images.store import Store
from cfslib.isolation import idmaps, rootfs
from cfslib.isolation.mounts import MountFlag, UmountFlag
from cfslib.kernel import syscalls

MOST = 40  # layers on top of a tree; the text of mount(2) has to fit into a page


@dataclass(frozen=True)
class Root:
    """A root filesystem: a tree, and layers on top of it, the last one first."""

    tree: str
    layers: tuple[str, ...] = field(default=())


class Workplace:
    """The directory of one build."""

    def __init__(self, store: Store, hands: Hands) -> None:
        self._store, self.hands = store, hands
        self._number = 0

    def __enter__(self) -> Self:
        self._directory = self._store.steps.new_build()
        if self.hands.in_memory:
            mount_memory(self._directory)
        return self

    def __exit__(self, *_: object) -> None:
        if self.hands.in_memory:
            syscalls.umount2(self._directory, UmountFlag.DETACH)
        try:
            self.hands.call(lambda: removal.remove_tree(self._directory))
        except OSError:  # who may not give files to others has none of theirs
            removal.remove_tree(self._directory)

    def file(self, name: str) -> str:
        """Return where a file of this build may be."""
        return f"{self._directory}/{name}"

    def new_layer(self) -> str:
        """Make the directories that a step needs; return where they are."""
        self._number += 1
        place = f"{self._directory}/{self._number}"
        for path in (place, *(f"{place}/{name}" for name in ("seen", "below", "from"))):
            os.mkdir(path, 0o700)
        rootfs.keep(place)
        return place


def upper(place: str) -> str:
    """Return the directory that becomes the layer."""
    return f"{place}/{rootfs.UPPER}"


def writable(root: Root, place: str) -> str:
    """Show a root, and keep in a new layer what is written to it."""
    seen = f"{place}/seen"
    rootfs.layer(root.tree, seen, kept=place, between=root.layers, as_root=True)
    return seen


def shown(root: Root, where: str) -> str:
    """Show a root to read from it; return where."""
    if not root.layers:
        return root.tree
    below = [syscalls.open_path(path) for path in (*root.layers, root.tree)]
    options = "lowerdir=" + ":".join(f"/proc/self/fd/{fd}" for fd in below)
    if not idmaps.in_initial_namespace():
        options += ",userxattr"
    syscalls.mount("overlay", where, "overlay", MountFlag.RDONLY, options)
    for fd in below:
        os.close(fd)
    return where
