"""Default: what no container of ours may ask the kernel, and why.

Most calls ask about what a container has for itself, or the kernel looks at who asks.
The groups below do neither: what they reach has no namespace, or so much is wrong with
them, time and again, that it is better not to let everybody try.  A group that is the
business of a capability is open to a container which has that.

Docker and Podman list what is allowed instead.  It comes to the same: a call that is in
no table of ours does not exist in here, whatever a newer kernel can do.  As in Podman's
list, mount(2), unshare(2), setns(2) and clone(2) are not refused.  The kernel asks for
capabilities there, and containers in containers need them.  Nor are calls that look
into other processes, as ptrace(2) and pidfd_getfd(2) do, or move their memory: they
find none but those in here.

    >>> [group.reason for group in GROUPS if "reboot" in group.names]
    ['it stops the machine, or starts another kernel']

The filter that comes of it is in `compiled`, so that nothing is compiled at a start.
"""

import errno

from cfslib.isolation.capabilities import Capability
from cfslib.isolation.seccomp import bpf, calls, compiler
from cfslib.isolation.seccomp.bpf import ret
from cfslib.isolation.seccomp.data import Action
from cfslib.isolation.seccomp.rules import NO_SUCH_CALL, Condition, Profile, Rule
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

REFUSED = Action.ERRNO | errno.EPERM
NO_SUCH_KIND = Action.ERRNO | errno.EAFNOSUPPORT  # of socket
ALG, VSOCK = 38, 40  # AF_... in <linux/socket.h>
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  # <asm-generic/ioctls.h>


class Group(Record):
    """Calls that are refused for one reason."""

    def __init__(
        self,
        reason: str,
        names: str,
        *unless: Capability,  # any of these opens it
        conditions: "Sequence[Condition]" = (),
        action: Action = REFUSED,
    ) -> None:
        self.reason = reason
        self.names = tuple(names.split())
        self.unless = unless
        self.conditions = tuple(conditions)
        self.action = action


def _is(index: int, value: int) -> Condition:
    """Return the condition for an argument of which the kernel looks at 32 bits."""
    return Condition(index, "MASKED_EQ", value, mask=0xFFFF_FFFF)


GROUPS = (
    Group(
        "it changes the kernel, which all of the machine shares",
        "create_module delete_module finit_module init_module query_module"
        " get_kernel_syms",
        Capability.SYS_MODULE,
    ),
    Group(
        "it stops the machine, or starts another kernel",
        "kexec_file_load kexec_load reboot",
        Capability.SYS_BOOT,
    ),
    Group(
        "it sets the clock, and there is one for all",
        "clock_settime clock_settime64 settimeofday stime",
        Capability.SYS_TIME,
    ),
    Group(
        "it reads the kernel's log, which is about all of the machine",
        "syslog",
        Capability.SYSLOG,
    ),
    Group(
        "it is about the machine's disks and memory, for whom there is no namespace",
        "quotactl quotactl_fd swapoff swapon",
        Capability.SYS_ADMIN,
    ),
    Group(
        "it keeps accounts about all processes of the machine",
        "acct",
        Capability.SYS_PACCT,
    ),
    Group(
        "it talks to devices past the kernel",
        "ioperm iopl pciconfig_iobase pciconfig_read pciconfig_write",
        Capability.SYS_RAWIO,
    ),
    Group(
        "it opens files by their number, below no root: containers have been left so",
        "open_by_handle_at",
        Capability.DAC_READ_SEARCH,
    ),
    Group(
        "it runs programs in the kernel, and mistakes in that were ways to be root",
        "bpf",
        Capability.BPF,
        Capability.SYS_ADMIN,
    ),
    Group(
        "it watches what the processor does, for others too, and had such mistakes",
        "lookup_dcookie perf_event_open",
        Capability.PERFMON,
        Capability.SYS_ADMIN,
    ),
    Group(
        "it lets a program stop the kernel half-way, which makes other mistakes usable",
        "userfaultfd",
        Capability.SYS_PTRACE,
    ),
    Group(
        "its requests pass by a filter, this one too, and it had such mistakes;"
        " programs do without it on older kernels",
        "io_uring_enter io_uring_register io_uring_setup",
        action=NO_SUCH_CALL,
    ),
    Group(
        "keys belong to users, and to no namespace",
        "add_key request_key",
    ),
    Group(
        "the same; only a container in here may have a session of its own",
        "keyctl",
        conditions=[Condition(0, "NE", 1)],  # KEYCTL_JOIN_SESSION_KEYRING
    ),
    Group(
        "it asks the kernel to encrypt, which programs do themselves, and mistakes in"
        " that were ways to be root",
        "socket",
        # A program of 32 bits may also say socketcall(2), where no filter sees the
        # kind.  It has no other way to any socket, so that one stays open.
        conditions=[_is(0, ALG)],
        action=NO_SUCH_KIND,
    ),
    Group(
        "it types into a terminal what nobody has typed there, or pastes it",
        "ioctl",
        conditions=[_is(1, TIOCSTI), _is(1, TIOCLINUX)],  # alternatives
    ),
    Group(
        "it hangs up the terminal",
        "vhangup",
        Capability.SYS_TTY_CONFIG,
    ),
    Group(
        "no program needs it any more, so nobody looks after it",
        "_sysctl afs_syscall bdflush nfsservctl sysfs uselib ustat vm86 vm86old",
    ),
)


# Sockets by which a virtual machine talks to its host are in no network namespace.  So
# a container without a network has a second filter.  The calls of the second rule
# make sockets where no filter sees of which kind.
ALONE = (
    Rule(["socket"], NO_SUCH_KIND, [_is(0, VSOCK)]),
    Rule(["io_uring_setup", "socketcall"], NO_SUCH_CALL),
)


def profile(
    capabilities: "Collection[Capability]" = (), machine: "str | None" = None
) -> Profile:
    """Return all of it as a profile, for a container with these capabilities."""
    closed = [it for it in GROUPS if set(it.unless).isdisjoint(capabilities)]
    rules = [Rule(it.names, it.action, it.conditions) for it in closed]
    sets = calls.SETS.get(machine or calls.machine(), ())
    return Profile(Action.ALLOW, rules, sets, unknown=NO_SUCH_CALL)


def kept(machine: str) -> "tuple[bytes, dict[Capability, list[int]]]":
    """Return the filter, for a container without capabilities, as it is kept.

    And where in it are the answers that become ALLOW for one that has a capability.
    """
    rules = [Rule(it.names, _marked(it), it.conditions) for it in GROUPS]
    sets = calls.SETS[machine]
    marked = Profile(Action.ALLOW, rules, sets, unknown=NO_SUCH_CALL)
    program = compiler.compiled(marked)
    opened: dict[Capability, list[int]] = {}
    for group in GROUPS:
        mark = ret(_marked(group))
        places = [at for at, it in enumerate(program) if it == mark]
        for capability in group.unless:
            opened.setdefault(capability, []).extend(places)
    answers = {ret(_marked(group)): ret(group.action) for group in GROUPS}
    return bpf.pack([answers.get(it, it) for it in program]), opened


def alone(machine: str) -> bytes:
    """Return the filter of a container without a network, as it is kept."""
    sets = calls.SETS[machine]
    wanted = Profile(Action.ALLOW, ALONE, sets, unknown=Action.ALLOW)
    return bpf.pack(compiler.compiled(wanted))


def _marked(group: Group) -> Action:
    """Return an answer that no other group gets, if a capability opens this one."""
    return Action.ERRNO | 1000 + GROUPS.index(group) if group.unless else group.action
