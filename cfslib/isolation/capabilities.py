"""Capabilities: the rights of root, one at a time.

Since Linux 2.2 root's power comes in some forty pieces.  A container's root needs
a few of them; with the others it could undo its walls: mount, load a module, look
into PID 1.  What is dropped here does not come back, not even by exec.

    >>> len(DEFAULT) < last_known() / 2
    True

Manual page: capabilities(7).
"""

from cfslib.kernel import libc, syscalls
from cfslib.kernel.flags import Number
from cfslib.kernel.syscalls import Prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Capability(Number):
    """Those with a name here; their bits are 1 << value.  <linux/capability.h>."""

    CHOWN = 0
    DAC_OVERRIDE = 1
    DAC_READ_SEARCH = 2
    FOWNER = 3
    FSETID = 4
    KILL = 5
    SETGID = 6
    SETUID = 7
    SETPCAP = 8
    LINUX_IMMUTABLE = 9
    NET_BIND_SERVICE = 10
    NET_BROADCAST = 11
    NET_ADMIN = 12
    NET_RAW = 13
    IPC_LOCK = 14
    IPC_OWNER = 15
    SYS_MODULE = 16
    SYS_RAWIO = 17
    SYS_CHROOT = 18
    SYS_PTRACE = 19
    SYS_PACCT = 20
    SYS_ADMIN = 21
    SYS_BOOT = 22
    SYS_NICE = 23
    SYS_RESOURCE = 24
    SYS_TIME = 25
    SYS_TTY_CONFIG = 26
    MKNOD = 27
    LEASE = 28
    AUDIT_WRITE = 29
    AUDIT_CONTROL = 30
    SETFCAP = 31
    MAC_OVERRIDE = 32
    MAC_ADMIN = 33
    SYSLOG = 34
    WAKE_ALARM = 35
    BLOCK_SUSPEND = 36
    AUDIT_READ = 37
    PERFMON = 38
    BPF = 39
    CHECKPOINT_RESTORE = 40


ALL = frozenset(Capability)
# Docker's defaults without MKNOD and NET_RAW: no device cgroup stands behind the
# first here, and the second would listen to the host's network, which we share.
DEFAULT = frozenset(
    {
        Capability.AUDIT_WRITE,
        Capability.CHOWN,
        Capability.DAC_OVERRIDE,
        Capability.FOWNER,
        Capability.FSETID,
        Capability.KILL,
        Capability.NET_BIND_SERVICE,
        Capability.SETFCAP,
        Capability.SETGID,
        Capability.SETPCAP,
        Capability.SETUID,
        Capability.SYS_CHROOT,
    }
)


# The kernel itself is asked what there is and what has come of it.  Its files in /proc
# say so too, but a path may lead elsewhere when others can change the tree around us.


def bound(kept: "Iterable[Capability]") -> None:
    """See to it that no exec adds any other capability; keep what we have.

    Nor one of these that we have not got ourselves.  What is inheritable still comes
    along for root, bounds or not: `have_only` empties that set.
    """
    possible = libc.capget()[1] & _bits(kept)
    number = 0
    while (there := _in_bounds(number)) is not None:
        if there and not possible >> number & 1:
            syscalls.prctl(Prctl.CAPBSET_DROP, Capability(number))
            if _in_bounds(number):
                raise PermissionError(f"capability {number} was not given up")
        number += 1


def have_only(kept: "Iterable[Capability]") -> None:
    """Give up every other capability, for now: an exec may bring some back."""
    possible = libc.capget()[1] & _bits(kept)
    syscalls.capset(effective=possible, permitted=possible, inheritable=0)
    if libc.capget() != (possible, possible, 0):
        raise PermissionError("some capabilities were not given up")


def keep_only(kept: "Iterable[Capability]") -> None:
    """Give up every other capability, for this process and all that come after.

    Give it up last: mounting and changing the root need what is dropped here.
    """
    kept = frozenset(kept)
    bound(kept)
    have_only(kept)


def gain_no_more() -> None:
    """See to it that no exec gives more rights than we have: no setuid, no file's.

    This holds for all that comes after, and nothing undoes it.  See `no_new_privs` in
    prctl(2).
    """
    syscalls.prctl(Prctl.SET_NO_NEW_PRIVS, 1)
    if not libc.prctl(Prctl.GET_NO_NEW_PRIVS, 0):
        raise PermissionError("an exec could still give more rights")


def has(capability: Capability) -> bool:
    """Say if this process has a right, in its own user namespace."""
    return bool(libc.capget()[0] >> capability & 1)


def last_known() -> int:
    """Return the number of the last capability that this kernel knows."""
    number = 0
    while _in_bounds(number) is not None:
        number += 1
    return number - 1


def _in_bounds(number: int) -> "bool | None":
    """Say if an exec can give a capability; None if the kernel does not know it."""
    try:
        return bool(libc.prctl(Prctl.CAPBSET_READ, number))
    except OSError:
        return None


def _bits(kept: "Iterable[Capability]") -> int:
    return sum(1 << capability for capability in kept)
