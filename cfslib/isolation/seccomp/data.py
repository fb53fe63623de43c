"""Data: what a seccomp filter is told about a call, and what it can answer.

    >>> print(Action.ALLOW, Action.ERRNO | errno.EPERM)
    ALLOW ERRNO(EPERM)
    >>> SeccompData(nr=39, args=[1, 2]).changed(nr=40).args
    [1, 2, 0, 0, 0, 0]

Manual page: seccomp(2).
"""

import errno
import posix
import sys

from cfslib.kernel.flags import Number
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Where things are in struct seccomp_data.  <linux/seccomp.h>
NR = 0  # the number of the call
ARCH = 4  # for which processor that number is meant
INSTRUCTION_POINTER = 8  # where the call was made
ARGS = 16  # six numbers of 64 bits; `args` and `args_high` say where each half is
SIZE = 64


class Arch(Number):
    """Which processor a call's number is meant for.  <linux/audit.h>."""

    X86_64 = 0xC000_003E  # also x32, whose numbers have the bit X32_BIT
    I386 = 0x4000_0003  # the 32-bit calls of x86
    AARCH64 = 0xC000_00B7
    ARM = 0x4000_0028  # the 32-bit calls of aarch64
    RISCV64 = 0xC000_00F3
    PPC64LE = 0xC000_0015


X32_BIT = 0x4000_0000


class Action(Number):
    """What is done about a call.  <linux/seccomp.h>, where SECCOMP_RET_ comes first.

    The lower 16 bits are data.  `Action.ERRNO | 1` is an answer with errno 1.
    """

    KILL_PROCESS = 0x8000_0000  # end the whole process, as by SIGSYS
    KILL_THREAD = 0x0000_0000  # end this thread
    TRAP = 0x0003_0000  # send SIGSYS, which can be handled
    ERRNO = 0x0005_0000  # do not make the call, and say that it failed
    USER_NOTIF = 0x7FC0_0000  # let another process answer
    TRACE = 0x7FF0_0000  # let a tracer decide
    LOG = 0x7FFC_0000  # make the call, and write it down
    ALLOW = 0x7FFF_0000  # make the call

    def __or__(self, data: int) -> "Action":
        return Action(int(self) | data)

    @property
    def kind(self) -> "Action":
        """The action without its data."""
        return Action(int(self) & 0xFFFF_0000)

    @property
    def data(self) -> int:
        """The lower 16 bits: of ERRNO, the number of the error."""
        return int(self) & 0xFFFF

    def __str__(self) -> str:
        name = self.kind.name or hex(self.kind)
        if self.kind == Action.ERRNO:
            return f"{name}({errno.errorcode.get(self.data, self.data)})"
        return f"{name}({self.data})" if self.data else name


class SeccompData(Record):
    """What a filter is told about a call: struct seccomp_data."""

    def __init__(
        self,
        nr: int,
        args: "Sequence[int]" = (),
        arch: "int | None" = None,  # without one, this machine's
        instruction_pointer: int = 0,
    ) -> None:
        self.nr = nr
        self.args = [*args, *[0] * (6 - len(args))]
        self.arch = our_arch() if arch is None else arch
        self.instruction_pointer = instruction_pointer

    def packed(self) -> bytes:
        """Return it as the kernel lays it out."""
        halves = [self.nr & 0xFFFF_FFFF, int(self.arch)]
        wholes = [self.instruction_pointer, *self.args]
        return b"".join(
            [number.to_bytes(4, sys.byteorder) for number in halves]
            + [number.to_bytes(8, sys.byteorder) for number in wholes]
        )


def unpacked(data: bytes) -> SeccompData:
    """Return what the kernel has laid out as struct seccomp_data."""
    nr, arch = (_number_at(data, at, 4) for at in (NR, ARCH))
    pointer, *values = (
        _number_at(data, at, 8) for at in range(INSTRUCTION_POINTER, SIZE, 8)
    )
    return SeccompData(nr, values, arch, pointer)


def _number_at(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], sys.byteorder)


def our_arch() -> Arch:
    """Return the architecture of this machine."""
    return Arch[posix.uname().machine.upper()]


def args(number: int) -> int:
    """Return where the lower half of an argument is, 0 being the first."""
    return ARGS + 8 * number + (0 if _LITTLE else 4)


def args_high(number: int) -> int:
    """Return where its upper half is."""
    return ARGS + 8 * number + (4 if _LITTLE else 0)


_LITTLE = sys.byteorder == "little"


def place(offset: int) -> str:
    """Name a place in struct seccomp_data."""
    return _PLACES.get(offset, f"[{offset}]")


_PLACES = {
    NR: "[nr]",
    ARCH: "[arch]",
    **{args(number): f"[args[{number}]]" for number in range(6)},
    **{args_high(number): f"[args[{number}] high]" for number in range(6)},
}
