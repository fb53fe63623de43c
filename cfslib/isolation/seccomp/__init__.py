"""Seccomp: which calls of a process the kernel answers, and which a filter does.

A filter is a program that the kernel runs before each call of a process, and of all
that come after it.  It sees the number of the call and its arguments, and says whether
the kernel is to make the call or to refuse it.

    data       what a filter is told about a call, and what it can answer
    bpf        programs for the small machine that filters run on
    machine    run such a program in Python, step by step
    possible   every answer that it may give, if not all is known about a call
    notify     another process answers a call in the kernel's place
    calls      which number each call has
    rules      what is to be done about which calls
    fields     the parts of a profile's text, each of the kind that it has to be
    meant      for which machine, kernel and capabilities a profile is
    profile    rules as they are written in a file
    meaning    what a profile says about one call
    compiler   a profile as a program
    default    what no container of ours may ask the kernel, and why
    compiled   the programs that come of it

Manual page: seccomp(2).
"""

import errno
import posix

from cfslib.isolation.seccomp import compiled
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cfslib.isolation.capabilities import Capability

_ALLOW = bytes.fromhex("060000000000ff7f")  # ret ALLOW


def default_filter(capabilities: "Collection[int]") -> bytes:
    """Return the filter of a container that has these capabilities."""
    program = bytearray(
        _of_this_machine(compiled.PROGRAMS, "--security-opt seccomp=unconfined")
    )
    opened = compiled.OPENED[posix.uname().machine]
    for capability in capabilities:
        for at in opened.get(int(capability), ()):
            program[8 * at : 8 * at + 8] = _ALLOW
    return bytes(program)


def filter_alone() -> bytes:
    """Return the filter that a container without a network has besides."""
    return _of_this_machine(compiled.ALONE, "--network host")


def _of_this_machine(programs: "Mapping[str, bytes]", without: str) -> bytes:
    machine = posix.uname().machine
    if machine not in programs:
        refused = OSError(errno.ENOSYS, f"the system calls of {machine} are unknown")
        refused.add_note(f"Hint: without this filter: {without}.")
        raise refused
    return programs[machine]


def filter_from(
    path: str, capabilities: "Collection[Capability]"
) -> "tuple[bytes, int]":
    """Return the filter that a profile describes, and its flags.

    The file is in Docker's format.  Raise ValueError if it makes no sense, or asks a
    process that is not there; warn of what may not have been meant.
    """
    # Here, because hardly any container needs it.
    from cfslib.isolation.seccomp import bpf, compiler, profile
    from cfslib.isolation.seccomp.data import Action

    read = profile.load(path, capabilities)
    if Action.USER_NOTIF in [read.default, *(rule.action for rule in read.rules)]:
        raise ValueError(f"{path}: SCMP_ACT_NOTIFY, but nobody is there to be asked")
    try:
        program = bpf.pack(compiler.compiled(read))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return program, read.flags


def filter_calls(program: bytes, flags: int = 0) -> None:
    """Have the kernel run a filter before each call, here and in all that come after.

    That takes CAP_SYS_ADMIN, or `no_new_privs`.
    """
    syscalls.seccomp(Seccomp.SET_MODE_FILTER, flags, program)
