"""network: what a container has that shares no network with anybody.

A new network namespace has one interface, lo, which is down: programs that talk to
each other at 127.0.0.1 want it up.  And one kind of socket belongs to no namespace:
AF_VSOCK, by which a virtual machine and its host talk.  A filter refuses that.

Manual pages: network_namespaces(7), netdevice(7), vsock(7), seccomp(2).
"""

import _socket
import errno
import fcntl
import posix
import sys

from cfslib.kernel import syscalls

VSOCK = 40  # AF_VSOCK in <linux/socket.h>
_GET_FLAGS, _SET_FLAGS = 0x8913, 0x8914  # SIOC... in <linux/sockios.h>
_UP = 1  # IFF_UP in <net/if.h>

# For a machine, each set of calls that its kernel has, by the number in
# <linux/audit.h>: socket(2), and other ways to a socket, where no filter sees the kind:
# io_uring(7), and socketcall(2).  To programs, the kernel lacks these.
_X32 = 1 << 30  # a third set of x86, which shows in the number of the call
_CALLS: "dict[str, dict[int, tuple[tuple[int, ...], tuple[int, ...]]]]" = {
    "x86_64": {
        0xC000_003E: ((41, 41 | _X32), (425, 425 | _X32)),
        0x4000_0003: ((359,), (425, 102)),
    },
    "aarch64": {0xC000_00B7: ((198,), (425,)), 0x4000_0028: ((281,), (425,))},
    "riscv64": {0xC000_00F3: ((198,), (425,))},
    "ppc64le": {0xC000_0015: ((326,), (425, 102))},
}
# A program of the kernel's small machine: <linux/filter.h>, <linux/seccomp.h>.
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # a word of what follows; BPF_JMP|JEQ|K
_NUMBER, _SET, _FIRST_ARGUMENT = 0, 4, 16  # where they are in struct seccomp_data
_ALLOW, _FAIL = 0x7FFF_0000, 0x0005_0000


def be_alone() -> None:
    """In a new network namespace, reach ourselves, and nobody else."""
    bring_up()
    refuse(VSOCK)


def bring_up() -> None:
    """Have programs inside reach each other at 127.0.0.1."""
    any_socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    name = b"lo".ljust(16, b"\0")  # struct ifreq: a name, and then its flags
    answer = fcntl.ioctl(any_socket, _GET_FLAGS, name.ljust(40, b"\0"))
    flags = int.from_bytes(answer[16:18], sys.byteorder) | _UP
    request = name + flags.to_bytes(2, sys.byteorder)
    fcntl.ioctl(any_socket, _SET_FLAGS, request.ljust(40, b"\0"))
    any_socket.close()


def refuse(family: int) -> None:
    """Refuse sockets of this family to us and all that come after."""
    machine = posix.uname().machine
    if machine not in _CALLS:
        raise OSError(errno.ENOSYS, f"the system calls of {machine} are unknown")
    program = []
    for set_of_calls, (sockets, others) in _CALLS[machine].items():
        part = _part(sockets, others, family)
        program += [(_LOAD, 0, _SET), (_IF_EQUAL, len(part), set_of_calls), *part]
    program.append((_RETURN, 0, _FAIL | errno.ENOSYS))
    syscalls.filter_calls(b"".join(map(_packed, program)))


def _part(
    sockets: "tuple[int, ...]", others: "tuple[int, ...]", family: int
) -> "list[tuple[int, int, int]]":
    """Return what to do about one set of calls."""
    part = [(_LOAD, 0, _NUMBER)]
    for number in others:
        part += [(_IF_EQUAL, 1, number), (_RETURN, 0, _FAIL | errno.ENOSYS)]
    for number in sockets:
        part += [
            (_IF_EQUAL, 4, number),
            (_LOAD, 0, _FIRST_ARGUMENT),
            (_IF_EQUAL, 1, family),
            (_RETURN, 0, _FAIL | errno.EAFNOSUPPORT),
            (_RETURN, 0, _ALLOW),
        ]
    return [*part, (_RETURN, 0, _ALLOW)]


def _packed(instruction: "tuple[int, int, int]") -> bytes:
    """Return struct sock_filter; a jump is over so many instructions if not equal."""
    code, if_not, value = instruction
    order = sys.byteorder
    return code.to_bytes(2, order) + bytes([0, if_not]) + value.to_bytes(4, order)
