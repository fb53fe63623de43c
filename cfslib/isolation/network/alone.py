"""alone: what a container has that shares no network with anybody.

A new network namespace has one interface, lo, which is down: programs that talk to
each other at 127.0.0.1 want it up.  And one kind of socket belongs to no namespace:
AF_VSOCK, by which a virtual machine and its host talk.  A filter refuses that: see
`seccomp.default`.

Manual pages: network_namespaces(7), netdevice(7), vsock(7), seccomp(2).
"""

import _socket
import fcntl
import sys

from cfslib.isolation import seccomp

_GET_FLAGS, _SET_FLAGS = 0x8913, 0x8914  # SIOC... in <linux/sockios.h>
_UP = 1  # IFF_UP in <net/if.h>


def refuse_other_ways() -> None:
    """Open no socket of the kind that belongs to no network namespace."""
    seccomp.filter_calls(seccomp.filter_alone())


def bring_up() -> None:
    """Have programs inside reach each other at 127.0.0.1."""
    any_socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    name = b"lo".ljust(16, b"\0")  # struct ifreq: a name, and then its flags
    answer = fcntl.ioctl(any_socket, _GET_FLAGS, name.ljust(40, b"\0"))
    flags = int.from_bytes(answer[16:18], sys.byteorder) | _UP
    request = name + flags.to_bytes(2, sys.byteorder)
    fcntl.ioctl(any_socket, _SET_FLAGS, request.ljust(40, b"\0"))
    any_socket.close()
