"""ports: what is published of a container, and where.

    >>> read("8080:80")
    [Port(ip='127.0.0.1', outside=8080, inside=80, kind='tcp')]
    >>> print(*read("[::1]:8000-8001:80-81/udp"), sep=", ")
    80/udp -> [::1]:8000, 81/udp -> [::1]:8001

Who types no address means this machine alone.  The ports are taken before anything of
the container is made, so that one that is taken is an error then.
"""

import _socket
import errno

from cfslib.isolation.network.addresses import Address
from cfslib.kernel.record import Record

_IPV6_ONLY = 26  # or "::" would take the ports of 0.0.0.0 too
_WAITING = 512  # connections that nobody has accepted yet
_HINTS = {
    errno.EADDRINUSE: "`ss -lntup` says who has it.",
    errno.EACCES: "below 1024 it is root's: take another, or ask"
    " `sysctl net.ipv4.ip_unprivileged_port_start`.",
    errno.EADDRNOTAVAIL: "`ip addr` says which addresses this machine has.",
}


class Port(Record):
    """A port of the host's that leads to one of a container's."""

    def __init__(self, ip: str, outside: int, inside: int, kind: str) -> None:
        self.ip, self.outside, self.inside, self.kind = ip, outside, inside, kind

    @property
    def served(self) -> str:
        """What it is inside, such as 80/tcp."""
        return f"{self.inside}/{self.kind}"

    @property
    def reached(self) -> str:
        """Where it is on the host, such as 127.0.0.1:8080."""
        ip = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{ip}:{self.outside}"

    def __str__(self) -> str:
        return f"{self.served} -> {self.reached}"


def read(text: str) -> "list[Port]":
    """Read [IP:]PORT:PORT[/udp]; raise `ValueError` if it is not that.

    Of PORT-PORT on both sides, each leads to its like.
    """
    ports, slash, kind = text.partition("/")
    ip, _, outside = ports.rpartition(":")[0].rpartition(":")
    inside = ports.rpartition(":")[2]
    if ip[:1] == "[" and ip[-1:] == "]" and ":" in ip:
        ip = ip[1:-1]
    elif ":" in ip:
        raise _not_a_port(text)
    both = _numbers(outside, text), _numbers(inside, text)
    if len(both[0]) != len(both[1]) or (kind not in ("tcp", "udp") and slash):
        raise _not_a_port(text)
    address = str(Address.read(ip or "127.0.0.1"))
    return [Port(address, *pair, kind or "tcp") for pair in zip(*both, strict=True)]


def listen(port: Port) -> _socket.socket:
    """Take a port of this machine's; raise an `OSError` that says why it cannot be."""
    tcp = port.kind == "tcp"
    kind = _socket.SOCK_STREAM if tcp else _socket.SOCK_DGRAM
    family = Address.read(port.ip).family
    flags = _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
    listener = _socket.socket(family, kind | flags)
    try:
        if family == _socket.AF_INET6:
            listener.setsockopt(_socket.IPPROTO_IPV6, _IPV6_ONLY, 1)
        if tcp:
            listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        listener.bind((port.ip, port.outside))
        if tcp:
            listener.listen(_WAITING)
    except OSError as error:
        listener.close()
        raise _told(error, port) from None
    return listener


def _told(error: OSError, port: Port) -> OSError:
    """Return an error that names the port."""
    taken = error.errno == errno.EADDRINUSE
    why = "it is taken" if taken else error.strerror
    told = OSError(error.errno, f"no port {port.reached}/{port.kind}: {why}")
    if error.errno in _HINTS:
        told.add_note(f"Hint: {_HINTS[error.errno]}")
    return told


def _numbers(text: str, whole: str) -> range:
    """Return the ports that PORT or PORT-PORT means."""
    first, dash, last = text.partition("-")
    ports = range(_number(first, whole), _number(last if dash else first, whole) + 1)
    if not ports:
        raise _not_a_port(whole)
    return ports


def _number(text: str, whole: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= 5
    if not is_number or not 0 < int(text) < 1 << 16:
        raise _not_a_port(whole)
    return int(text)


def _not_a_port(text: str) -> ValueError:
    return ValueError(f"not [IP:]PORT:PORT[/udp] with ports up to 65535: {text!r}")
