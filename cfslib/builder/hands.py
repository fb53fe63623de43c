"""hands: who may do what to the files of images, and where layers can be made.

Overlay wants a filesystem for its upper directory that has attributes and device 0, 0;
ext4 and xfs are of that kind, another overlay is not, such as the root of a Docker
container.  Where the disk is none, layers are made in memory: this process gets mounts
of its own, which end with it, and an ordinary user a user namespace as well.
"""

import os
import tempfile
from collections.abc import Callable
from typing import Any, TypeVar

from cfslib.children.in_child import in_child
from cfslib.images import locks, ours, removal
from cfslib.images.picked import RECORDED
from cfslib.images.store import Store
from cfslib.isolation import idmaps, mounts, rootfs
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.runtime import ownership

T = TypeVar("T")
Call = Callable[[Callable[[], Any]], Any]
MEMORY = 2 << 30  # bytes at most for the layers of a build


class Hands:
    """What a build needs to write the files of images."""

    def __init__(
        self,
        owners: str,  # of these files: real or recorded
        call: Call,  # calls a function that may do to them what root may
        *,
        in_memory: bool = False,
    ) -> None:
        self.owners, self.call, self.in_memory = owners, call, in_memory
        self._is_root = in_memory or ownership.may_do_it_alone()

    def apart(self, func: Callable[[], T]) -> T:
        """Call a function in the same way, with mounts of its own."""

        def alone() -> T:
            syscalls.unshare(Namespace.MNT)
            mounts.keep_private()
            return func()

        if self._is_root:
            return in_child(alone)
        found: T = self.call(alone)  # which is in a child
        return found


def found(store: Store, owners: str, call: Call) -> Hands:
    """Return what to build with here.

    If layers have to be in memory, this process gets mounts of its own.
    """
    hands = Hands(owners, call)
    ours.make(f"{store.directory}/builds")
    with locks.held(store.directory, shared=True):  # or `prune` takes away what we try
        if _can_keep_layers(store.directory, hands):
            return hands
    if ownership.may_do_it_alone():
        syscalls.unshare(Namespace.MNT)
    else:
        idmaps.unshare_as_root(Namespace.MNT)
        owners = RECORDED  # because there is nobody else any more
    mounts.keep_private()
    return Hands(owners, lambda func: func(), in_memory=True)


def _can_keep_layers(directory: str, hands: Hands) -> bool:
    """Try if a directory of the store can hold a layer of an overlay."""
    place = tempfile.mkdtemp(prefix="", dir=f"{directory}/builds")

    def tried() -> bool:
        for name in ("root", "seen"):
            os.mkdir(f"{place}/{name}")
        rootfs.keep(place)
        try:
            rootfs.layer(f"{place}/root", f"{place}/seen", kept=place)
            os.mkdir(f"{place}/seen/x")
            os.rmdir(f"{place}/seen/x")
        except OSError:
            return False
        return True

    try:
        return hands.apart(tried)
    finally:
        hands.call(lambda: removal.remove_tree(place))


def mount_memory(place: str) -> None:
    """Have layers in memory at a place, in our mount namespace."""
    options = f"mode=700,size={MEMORY}"
    syscalls.mount("tmpfs", place, "tmpfs", MountFlag.NODEV, options)
