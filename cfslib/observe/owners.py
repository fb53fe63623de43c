"""owners: who a process and its files are, seen inside a user namespace and outside.

A child makes the namespace and gives it a map.  Then both sides are asked about the
same process and the same files.  What comes back are the kernel's numbers, not ours.
The files are in memory and have no name, so nothing is left of them.

Each look imports this module in a child, so what takes long to import is not in it.
"""

import errno
import os
import pickle
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from cfslib.children.answers import hints_of
from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import MountAttr, Prctl, TreeFlag

NOBODY = 65534  # /proc/sys/fs/overflowuid: who has no number here
FEW = 9  # ids beside our own


class Seen(NamedTuple):
    """One thing that has an owner, and the number of that owner on both sides."""

    name: str
    inside: int
    outside: int


class Scene(NamedTuple):
    """A map, and what both sides see by it."""

    maps: tuple[IdMap, ...]
    seen: tuple[Seen, ...]
    said: str = ""  # what the kernel said when the process wanted to be somebody
    recorded: str = ""  # why this is from another machine, if it is


def no_map() -> list[IdMap]:
    """Map nobody."""
    return []


def root_is_us() -> list[IdMap]:
    """Map root to us, as `unshare_as_root` does."""
    return [IdMap(0, os.geteuid())]


def ourselves() -> list[IdMap]:
    """Map our own number to itself, as `cfs run --userns keep-id` does."""
    return [IdMap(os.geteuid(), os.geteuid())]


def ten_users() -> list[IdMap]:
    """Map root to us, and some more; raise `PermissionError` if we own none."""
    if os.geteuid() == 0 and idmaps.in_initial_namespace():
        return [IdMap(0, 0), IdMap(1, 100_000, FEW)]
    ours, others, *_ = idmaps.many("uid")
    idmaps.many("gid")
    return [ours, IdMap(1, others.outside, min(FEW, others.count))]


MAPS: dict[str, Callable[[], list[IdMap]]] = {
    "none": no_map,
    "root is you": root_is_us,
    "you are you": ourselves,
    "ten users": ten_users,
}


def look(kind: str, user: int) -> Scene:
    """Have a process with such a map become `user`, and look from both sides.

    Where this machine refuses the map, it is what another one showed.
    """
    try:
        maps = MAPS[kind]()
        return in_child(lambda: _from_both_sides(maps, user))
    except PermissionError as error:
        if kind != "ten users":
            raise
        why = " ".join([f"Not here: {error}.", *hints_of(error)])
        return another_machines(user)._replace(recorded=why)


def another_machines(user: int) -> Scene:
    """Return what a machine showed whose user 1000 has a line in /etc/subuid."""
    maps = (IdMap(0, 1000), IdMap(1, 100_000, FEW))
    outside = idmaps.to_outside(user, maps)
    is_there = outside is not None
    now = user if outside is not None else 0
    real = outside if outside is not None else 1000
    seen = (
        Seen("the process", now, real),
        Seen("a file that it made", now, real),
        Seen("a file of yours", 0, 1000),
        Seen("/etc/passwd, a file of root's", NOBODY, 0),
    )
    return Scene(maps, seen, _said(user, "" if is_there else "Invalid argument"))


def _from_both_sides(maps: list[IdMap], user: int) -> Scene:
    ours = os.memfd_create("ours")  # this and the next are closed when our child ends
    here, there = socket.socketpair()
    pid = syscalls.clone(Namespace.USER)
    if pid == 0:
        here.close()
        _inside(there, user, ours)
    there.close()
    try:
        if maps:
            idmaps.write(pid, maps, _of_groups(maps))
        here.send(b"!")
        answer, files, _, _ = socket.recv_fds(here, 1 << 12, 1)
        if not answer:
            raise ChildProcessError("the process in the namespace ended too early")
        inside, said = pickle.loads(answer)
        outside = _numbers(pid, files[0], ours)
    finally:
        here.close()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    names = zip(inside, inside.values(), outside.values(), strict=True)
    return Scene(tuple(maps), tuple(Seen(*one) for one in names), said)


def _of_groups(maps: list[IdMap]) -> list[IdMap]:
    """Return the same for groups."""
    if len(maps) > 1 and os.geteuid() != 0:
        ours, others, *_ = idmaps.many("gid")
        return [ours, IdMap(1, others.outside, min(FEW, others.count))]
    if len(maps) > 1:
        return [IdMap(0, os.getegid()), *maps[1:]]
    is_root = maps[0].inside == 0
    return [IdMap(0 if is_root else os.getegid(), os.getegid())]


def _inside(channel: socket.socket, user: int, ours: int) -> None:
    """Be the process in the namespace, and end."""
    try:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        channel.recv(1)  # until the map is written
        said = ""
        try:
            syscalls.setuid(user)
        except OSError as error:
            said = error.strerror.rpartition(": ")[2] if error.strerror else "refused"
        theirs = os.memfd_create("theirs")
        answer = _numbers(os.getpid(), theirs, ours), _said(user, said)
        socket.send_fds(channel, [pickle.dumps(answer)], [theirs])
        channel.recv(1)  # until they have looked
    finally:
        os._exit(0)


def _said(user: int, refusal: str) -> str:
    return f"setuid({user}): {refusal}" if refusal else f"setuid({user}) = 0"


def _numbers(pid: int, theirs: int, ours: int) -> dict[str, int]:
    """Return the owners as they are seen from here."""
    return {
        "the process": int(procfs.status(pid)["Uid"].split()[1]),
        "a file that it made": os.fstat(theirs).st_uid,
        "a file of yours": os.fstat(ours).st_uid,
        "/etc/passwd, a file of root's": os.stat("/etc/passwd").st_uid,
    }


class TwoMounts(NamedTuple):
    """The owner of one file, by a mount without a map and by one that has one."""

    plain: int
    mapped: int
    recorded: str = ""


def by_two_mounts() -> TwoMounts:
    """Mount some files twice, the second time with a map that does not know root."""
    try:
        return in_child(mount_twice)
    except OSError as error:
        # Before Linux 6.3 tmpfs takes no map, before 5.12 no mount does; a seccomp
        # filter that is older than the call refuses it.
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EPERM):
            raise
        return TwoMounts(0, NOBODY, f"Not here: {error}.")


def mount_twice() -> TwoMounts:
    """Be root of a namespace, and show some files of ours by two mounts."""
    idmaps.unshare_as_root(Namespace.MNT)
    syscalls.mount("tmpfs", "/mnt", "tmpfs")
    for name in ("plain", "mapped"):
        os.mkdir(f"/mnt/{name}")
    os.mknod("/mnt/plain/file")
    userns = idmaps.make([IdMap(5, 0)], [IdMap(5, 0)])
    tree = syscalls.open_tree("/mnt/plain", TreeFlag.CLONE)
    syscalls.mount_setattr(tree, TreeFlag.EMPTY_PATH, MountAttr.IDMAP, userns)
    syscalls.move_mount(tree, "/mnt/mapped", TreeFlag.FROM_FD)
    plain, mapped = (os.stat(f"/mnt/{n}/file").st_uid for n in ("plain", "mapped"))
    return TwoMounts(plain, mapped)
