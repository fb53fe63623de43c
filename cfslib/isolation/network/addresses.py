"""addresses: as numbers, and networks that nobody here uses.

    >>> Address.read("10.0.0.1") + 4
    10.0.0.5
    >>> Net.read("10.0.0.0/8").overlaps(Net.read("10.1.0.0/16"))
    True

`ipaddress` knows more, and takes longer to import than a container takes.
"""

import _socket
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Where we look for a network of 254 addresses, in this order.  Other tools begin
# elsewhere: Docker at 172.17, podman at 10.88, libvirt at 192.168.122.
_PLACES = ("10.201.0.0/16", "10.202.0.0/16", "172.29.0.0/16", "192.168.0.0/16")
_BITS, BITS6 = 24, 64


class Address:
    """An address of either family."""

    def __init__(self, packed: bytes, zone: str = "") -> None:
        self.packed, self.zone = packed, zone
        self.family = _socket.AF_INET if len(packed) == 4 else _socket.AF_INET6

    @classmethod
    def read(cls, text: str) -> "Address":
        """Read an address; raise `ValueError` if it is none."""
        family = _socket.AF_INET6 if ":" in text else _socket.AF_INET
        try:
            return cls(_socket.inet_pton(family, text))
        except (OSError, ValueError):
            raise ValueError(f"not an address: {text!r}") from None

    @classmethod
    def read_with_zone(cls, text: str) -> "Address":
        """Read an address that may be of one link alone, such as fe80::1%eth0."""
        address, _, zone = text.partition("%")
        return cls(cls.read(address).packed, zone)

    def at(self, port: int) -> "tuple[str | int, ...]":
        """Return a port of it as `connect` wants it; the link may be gone by now."""
        if not self.zone:
            return str(self), port
        is_number = self.zone.isascii() and self.zone.isdecimal()
        link = int(self.zone) if is_number else _socket.if_nametoindex(self.zone)
        return _socket.inet_ntop(self.family, self.packed), port, 0, link

    def is_loopback(self) -> bool:
        """Say if it is an address of lo."""
        return self.packed[:1] == b"\x7f" or self.packed == bytes(15) + b"\1"

    def __int__(self) -> int:
        return int.from_bytes(self.packed, "big")

    def __add__(self, more: int) -> "Address":
        return Address((int(self) + more).to_bytes(len(self.packed), "big"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self.packed == other.packed

    def __hash__(self) -> int:
        return hash(self.packed)

    def __str__(self) -> str:
        zone = f"%{self.zone}" if self.zone else ""
        return f"{_socket.inet_ntop(self.family, self.packed)}{zone}"

    __repr__ = __str__


class Net:
    """All addresses that begin with the same bits."""

    def __init__(self, first: Address, bits: int) -> None:
        self.first, self.bits = first, bits
        self.size = 1 << (len(first.packed) * 8 - bits)

    @classmethod
    def read(cls, text: str) -> "Net":
        """Read ADDRESS/BITS; raise `ValueError` if it is none."""
        address, _, bits = text.partition("/")
        first = Address.read(address)
        if not (bits.isascii() and bits.isdecimal()) or len(bits) > 3:
            raise ValueError(f"not a network such as 10.1.2.0/24: {text!r}")
        most = len(first.packed) * 8
        if int(bits) > most or int(first) % (1 << (most - int(bits))):
            raise ValueError(f"not the first address of a network: {text!r}")
        return cls(first, int(bits))

    def overlaps(self, other: "Net") -> bool:
        """Say if some address is in both."""
        if self.first.family != other.first.family:
            return False
        start, end = int(self.first), int(self.first) + self.size
        return start < int(other.first) + other.size and int(other.first) < end

    def __str__(self) -> str:
        return f"{self.first}/{self.bits}"

    __repr__ = __str__


def free_net(used: "Iterable[Net]") -> Net:
    """Return a network of 254 addresses that is in none of these."""
    used = list(used)
    for net in _candidates():
        if not any(net.overlaps(other) for other in used):
            return net
    raise OSError("no addresses are left: each private network has a route here")


def _candidates() -> "Iterator[Net]":
    for place in map(Net.read, _PLACES):
        for number in range(256):
            yield Net(place.first + (number << 8), _BITS)


def random_net6() -> Net:
    """Return a network of our own that nobody else will have: RFC 4193."""
    return Net(Address(b"\xfd" + posix.urandom(5) + bytes(10)), BITS6)
