"""leak: the mount tables of a host and a container, while both mount something.

A child plays both, each in a mount namespace of its own, so nothing of this machine
changes.  After each call it goes to both and reads what is at /mnt and below.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.procfs import Mount

T = TypeVar("T")
TOP, UP, DOWN = "/mnt", "/mnt/up", "/mnt/down"
STORIES = {
    MountFlag.SHARED: "Nothing changes: a copy of a shared mount is shared already.",
    MountFlag.SLAVE: "Half of the wire is cut. The container hears, and says nothing.",
    MountFlag.PRIVATE: "The wire is cut. Careless programs forget this call.",
}


@dataclass(frozen=True)
class Both:
    """What the two have at /mnt after a call, and who made the call."""

    call: str
    story: str
    host: tuple[Mount, ...]
    container: tuple[Mount, ...]


def of_a_mount(propagation: MountFlag) -> list[Both]:
    """Make the container's copy of /mnt like that; then both mount below it."""
    return in_child(lambda: _told(propagation))


def _told(propagation: MountFlag) -> list[Both]:
    """Play both, in namespaces of our own for good."""
    idmaps.unshare_as_root(Namespace.MNT)
    mounts.keep_private()
    syscalls.mount("tmpfs", TOP, "tmpfs")
    os.mkdir(UP)
    os.mkdir(DOWN)
    host = container = _here()
    told: list[Both] = []

    def note(call: str, story: str) -> None:
        theirs = _at(container, _at_the_places) if container != host else ()
        told.append(Both(call, story, _at(host, _at_the_places), theirs))

    syscalls.mount(None, TOP, flags=MountFlag.SHARED)
    note(
        f'host: mount(NULL, "{TOP}", MS_SHARED)',
        "Its mount is shared, as with systemd.",
    )
    syscalls.unshare(Namespace.MNT)
    container = _here()
    note("container: unshare(CLONE_NEWNS)", "It gets a copy of the table, and a wire.")
    _at(container, lambda: syscalls.mount(None, TOP, flags=propagation))
    note(f'container: mount(NULL, "{TOP}", MS_{propagation})', STORIES[propagation])
    _mount(container, UP)
    note(*_said("container", UP, "host", _at(host, _targets)))
    _mount(host, DOWN)
    note(*_said("host", DOWN, "container", _at(container, _targets)))
    return told


def _here() -> int:
    return os.open("/proc/self/ns/mnt", os.O_RDONLY)


def _at(namespace: int, look: Callable[[], T]) -> T:
    """Go to a mount namespace, and do something there."""
    syscalls.setns(namespace)
    return look()


def _mount(namespace: int, target: str) -> None:
    _at(namespace, lambda: syscalls.mount("tmpfs", target, "tmpfs"))


def _at_the_places() -> tuple[Mount, ...]:
    # What was mounted at other places below /mnt is covered, and no part of the story.
    return tuple(mount for mount in procfs.mounts() if mount.target in (TOP, UP, DOWN))


def _targets() -> list[str]:
    return [mount.target for mount in procfs.mounts()]


def _said(who: str, target: str, other: str, seen: list[str]) -> tuple[str, str]:
    """Return the call, and what came of it in the table of the other."""
    came = (
        f"It is in the {other}'s table as well."
        if target in seen
        else (f"It is not in the {other}'s table.")
    )
    return f'{who}: mount("tmpfs", "{target}", "tmpfs")', came
