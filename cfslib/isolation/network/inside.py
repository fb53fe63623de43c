"""inside: what PID 1 does so that its container has a network."""

from cfslib.isolation.network import alone, links, names
from cfslib.isolation.network.addresses import Address
from cfslib.isolation.network.links import INSIDE
from cfslib.kernel import libc
from cfslib.kernel.netlink import Netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_NET = "/proc/sys/net"
_PING = b"0 2147483647", b"0 0"  # groups; a user namespace has only these


def set_up_network(
    is_new: bool,
    addresses: "Sequence[tuple[bytes, int]]",
    routers: "Sequence[bytes]",
    files: "dict[str, str]",
) -> None:
    """Bring lo up, give our end of the cable its addresses, and write the files.

    Before /proc is read-only, and before there is a volume below /etc.  A network that
    was there before us is not ours to change.
    """
    if is_new:
        alone.bring_up()
        _let_all_ping()
    if addresses:
        _believe_no_router()
        with Netlink() as socket:
            link = links.find(socket, INSIDE)
            index = link.index if link else 0
            links.bring_up(socket, index)
            for packed, bits in addresses:
                links.add_address(socket, index, Address(packed), bits)
            for router in routers:
                links.add_default_route(socket, index, Address(router))
    names.write(files)


def _let_all_ping() -> None:
    """Let programs without a right of their own send an echo request: see icmp(7)."""
    for groups in _PING:
        try:
            libc.write(f"{_NET}/ipv4/ping_group_range".encode(), groups)
            return
        except OSError:
            pass  # not all of these are groups here


def _believe_no_router() -> None:
    """Have another container not tell us where to send what is for outside."""
    try:
        libc.write(f"{_NET}/ipv6/conf/{INSIDE}/accept_ra".encode(), b"0")
    except OSError:
        pass  # there is no IPv6
