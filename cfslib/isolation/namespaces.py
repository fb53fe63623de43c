"""Namespaces: which parts of the machine a process has to itself.

A namespace is a private copy of one kernel resource.  Two processes share it
when their /proc/PID/ns links name the same inode, so every question of the form
"can they see each other's X?" is answered by comparing two numbers:

    >>> inode(Namespace.UTS) == inode(Namespace.UTS, pid=os.getpid())
    True
"""

import posix as os

from cfslib.kernel import syscalls
from cfslib.kernel.flags import Flag


class Namespace(Flag):
    """What a process can have its own copy of.  Values: <linux/sched.h>.

    The names are those of the files in /proc/PID/ns.  In C, CLONE_NEW comes before
    them, and MNT is called CLONE_NEWNS: it was the first, and nobody expected more.
    """

    TIME = 0x0000_0080  # boot and monotonic clocks
    MNT = 0x0002_0000  # the tree of mounted filesystems
    CGROUP = 0x0200_0000  # where the cgroup tree starts
    UTS = 0x0400_0000  # hostname and domain name
    IPC = 0x0800_0000  # System V IPC, POSIX message queues
    USER = 0x1000_0000  # user ids, group ids, capabilities
    PID = 0x2000_0000  # process ids
    NET = 0x4000_0000  # interfaces, addresses, routes, ports


def link(namespace: Namespace, pid: "int | str" = "self") -> str:
    """Return the file that stands for a namespace, e.g. /proc/self/ns/uts."""
    return f"/proc/{pid}/ns/{str(namespace).lower()}"


def inode(namespace: Namespace, pid: "int | str" = "self") -> int:
    """Return the number that tells one namespace of a kind from another."""
    return os.stat(link(namespace, pid)).st_ino


def snapshot(pid: "int | str" = "self") -> "dict[Namespace, int | None]":
    """Return the inode of each namespace of a process; None where it is hidden."""
    return {namespace: _inode_or_none(namespace, pid) for namespace in Namespace}


def shared(
    pid: "int | str", other: "int | str" = "self"
) -> "dict[Namespace, bool | None]":
    """Say for each namespace whether two processes share it; None if hidden."""
    theirs, ours = snapshot(pid), snapshot(other)
    return {
        namespace: None
        if None in (theirs[namespace], ours[namespace])
        else theirs[namespace] == ours[namespace]
        for namespace in Namespace
    }


def enter(namespaces: Namespace, pid: int) -> None:
    """Move this process into some of the namespaces of another.

    As with `unshare`, a PID namespace is entered by the next child, not by us.
    """
    pidfd = os.pidfd_open(pid)
    try:
        syscalls.setns(pidfd, namespaces)
    finally:
        os.close(pidfd)


def _inode_or_none(namespace: Namespace, pid: "int | str") -> "int | None":
    try:
        return inode(namespace, pid)
    except PermissionError:
        return None  # ptrace(2) rules: not ours, or more privileged than we are
