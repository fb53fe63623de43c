"""interfaces: what `ip addr` says of the network namespace that we are in.

    >>> "lo" in [seen.name for seen in look()]
    True

Numbers are from <linux/if_link.h>, <linux/if_addr.h> and <linux/if.h>.
"""

import socket
import struct
import sys
from dataclasses import dataclass

from cfslib.isolation.network.addresses import Address
from cfslib.kernel.netlink import Netlink, attributes

_GET_LINK, _GET_ADDRESS = 18, 22  # RTM_... in <linux/rtnetlink.h>
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg
_NAME, _MASTER = 3, 10  # IFLA_... in <linux/if_link.h>
_ADDRESS_IS, _LOCAL = 1, 2  # IFA_... in <linux/if_addr.h>
_UP, _LOWER_UP = 0x1, 0x10000  # IFF_... in <linux/if.h>


@dataclass(frozen=True)
class Interface:
    """One interface: is it up, does it hear the other end, and which addresses."""

    name: str
    is_up: bool
    has_carrier: bool  # LOWER_UP: somebody is at the other end of the cable
    addresses: tuple[str, ...]
    port_of: str = ""  # the bridge that it is a port of

    def __str__(self) -> str:
        state = "up" if self.is_up else "down"
        words = [state if self.has_carrier or not self.is_up else "up, no carrier"]
        words += [f"port of {self.port_of}"] if self.port_of else []
        return f"{self.name:6} {', '.join([*words, *self.addresses])}"


def look(family: int = socket.AF_INET) -> list[Interface]:
    """Return the interfaces that there are, with their addresses of one family."""
    with Netlink() as asked:
        rows = list(asked.each("ip link", _GET_LINK, _LINK.pack(0, 0, 0, 0, 0)))
        wanted = _ADDRESS.pack(family, 0, 0, 0, 0)
        of = [_of(data) for data in asked.each("ip addr", _GET_ADDRESS, wanted)]
    found = {}
    for data in rows:
        _, _, index, flags, _ = _LINK.unpack_from(data)
        found[index] = flags, attributes(data[_LINK.size :])
    names = {index: _text(parts[_NAME]) for index, (_, parts) in found.items()}
    return [
        Interface(
            names[index],
            bool(flags & _UP),
            bool(flags & _LOWER_UP),
            tuple(address for where, address in of if where == index),
            names.get(_number(parts.get(_MASTER, b"")), ""),
        )
        for index, (flags, parts) in found.items()
    ]


def show() -> None:
    """Print the interfaces, a line each."""
    for seen in look():
        print(seen)


def _of(data: bytes) -> tuple[int, str]:
    _, bits, _, _, index = _ADDRESS.unpack_from(data)
    parts = attributes(data[_ADDRESS.size :])
    return index, f"{Address(parts.get(_LOCAL) or parts[_ADDRESS_IS])}/{bits}"


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode()


def _number(value: bytes) -> int:
    return int.from_bytes(value, sys.byteorder)
