"""workplace: where the layers of a build are until they are finished.

What a step writes goes into the upper directory of an overlay, and that is its layer.
Below are the layers of the steps before it, and the tree of what the build began with;
so a step costs as much as what it changes, however much there is.

A build in progress is a directory of the store.  Whoever is killed leaves that behind,
and `prune` clears it away; its containers and its mounts end with it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from cfslib.children.in_child import in_child
from cfslib.images import removal
from cfslib.images.store import Store
from cfslib.isolation import idmaps, mounts, rootfs
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.runtime import ownership

T = TypeVar("T")
MOST = 40  # layers on top of a tree; the text of mount(2) has to fit into a page


@dataclass(frozen=True)
class Root:
    """A root filesystem: a tree, and layers on top of it, the last one first."""

    tree: str
    layers: tuple[str, ...] = field(default=())


class Workplace:
    """The directory of one build."""

    def __init__(self, store: Store, call: Callable[[Callable[[], Any]], Any]) -> None:
        self._store, self._call = store, call
        self._number = 0

    def __enter__(self) -> Self:
        self._directory = self._store.steps.new_build()
        return self

    def __exit__(self, *_: object) -> None:
        def clear() -> None:
            removal.remove_tree(self._directory)

        try:
            self._call(clear)
        except OSError:
            clear()  # who may not give files to others has none of theirs

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

    def apart(self, func: Callable[[], T]) -> T:
        """Call a function as who owns the files of images, with mounts of its own."""

        def alone() -> T:
            syscalls.unshare(Namespace.MNT)
            mounts.keep_private()
            return func()

        if ownership.may_do_it_alone():
            return in_child(alone)
        found: T = self._call(alone)  # which is in a child
        return found


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
