"""bridge: the network of root's containers.

    container            host                          outside
    eth0  ---- veth ----  cfs0, a bridge with rules ----  eth0
    10.201.0.2            10.201.0.1                   masquerade

The bridge, its rules and its addresses are in the network namespace that we are in, and
are gone with the last container.  Whether the machine forwards from there to outside is
the machine's own: `net.ipv4.ip_forward` is for all its interfaces, and whoever switches
it on makes a router of it for everybody.  So we do not, and say what follows from that.
A router in a namespace of its own would not help: what it sends would still have to be
forwarded by the host.
"""

import errno
import posix

from cfslib.isolation.network import links, rules
from cfslib.isolation.network.addresses import BITS6, free_net, random_net6
from cfslib.isolation.network.records import DEFAULT, Lease, Network, Records
from cfslib.kernel import libc, procfs
from cfslib.kernel.netlink import Netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.isolation.network.addresses import Net

_OURS = b"\x02cfs"  # the start of our bridges' MAC: others are somebody else's
_CONF6 = "/proc/sys/net/ipv6/conf"
_FORWARDS = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


def join(name: str) -> Lease:
    """Take an address in a network, which is there from then on."""
    with Records() as known, Netlink() as socket:
        clear_up(known, socket)
        network = known.find(name)
        if not network:
            network = _new(known, socket, name)
        if not known.in_use(name):
            _build(known, socket, network)
        try:
            return known.take(network)
        except BaseException:
            clear_up(known, socket)
            raise


def attach(lease: Lease, pid: int) -> str:
    """Join a process in a network namespace of its own; return our end's name.

    It is a name that was never there before, because the kernel takes a moment to
    remove an interface of a container that has ended.
    """
    name = f"cfs{posix.urandom(5).hex()}"
    namespace = posix.open(f"/proc/{pid}/ns/net", posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        with Netlink() as socket:
            bridge = links.find(socket, lease.network.link)
            if not bridge:
                raise OSError(errno.ENODEV, f"{lease.network.link} was removed")
            mac = _random_mac()
            links.make_pair(socket, name, bridge.index, links.INSIDE, namespace, mac)
    finally:
        posix.close(namespace)
    return name


def leave(lease: Lease, port: str = "") -> None:
    """Give an address back; with the last one, the network goes."""
    with Records() as known, Netlink() as socket:
        if port:
            links.remove(socket, port)
        known.give_back(lease)
        clear_up(known, socket)


def clear_up(known: Records, socket: Netlink) -> None:
    """Remove the bridges and rules that no container uses, whoever left them."""
    for network in known.all():
        if known.in_use(network.name):
            continue
        if not _is_somebody_elses(socket, network.link):
            _dismantle(socket, network)
        if not network.kept:
            known.forget(network.name)


def create(name: str, net: "Net | None" = None) -> Network:
    """Make a network that stays when no container uses it, until `remove`."""
    with Records() as known, Netlink() as socket:
        if known.find(name) and name != DEFAULT:
            raise FileExistsError(errno.EEXIST, f"there is a network {name} already")
        used = _used(known, socket)
        if net and any(net.overlaps(other) for other in used):
            raise OSError(errno.EADDRINUSE, f"{net} overlaps what has a route here")
        network = Network(name, net or free_net(used), random_net6(), kept=True)
        known.keep(network)
        return network


def remove(name: str) -> None:
    """Remove a network that no container uses."""
    with Records() as known, Netlink() as socket:
        if not known.find(name):
            raise no_such(name)
        if known.in_use(name):
            raise OSError(errno.EBUSY, f"network {name} has containers")
        clear_up(known, socket)
        known.forget(name)


def prune() -> "list[str]":
    """Remove all networks that no container uses; return the names of those kept."""
    with Records() as known, Netlink() as socket:
        clear_up(known, socket)
        unused = [each.name for each in known.all() if not known.in_use(each.name)]
        for name in unused:
            known.forget(name)
        return unused


def no_such(name: str) -> LookupError:
    """Return the error for a network that is not there."""
    error = LookupError(f"there is no network {name}")
    error.add_note(f"Hint: `cfs network create {name}` makes it.")
    return error


def what_forwards_not() -> "list[str]":
    """Return what keeps a container on a bridge from reaching further, if anything."""
    files = [f"/proc/sys/{name.replace('.', '/')}" for name in _FORWARDS]
    named = zip(_FORWARDS, files, strict=True)
    return [name for name, file in named if _read(file) == "0"]


def has_ipv6() -> bool:
    """Say if this host has IPv6 at all."""
    return _read(f"{_CONF6}/default/disable_ipv6") == "0"


def _new(known: Records, socket: Netlink, name: str) -> Network:
    if name != DEFAULT:
        raise no_such(name)
    net = free_net(_used(known, socket))
    network = Network(name, net, random_net6(), kept=False)
    known.keep(network)
    return network


def _used(known: Records, socket: Netlink) -> "list[Net]":
    return [*links.routes(socket), *(network.net for network in known.all())]


def _build(known: Records, socket: Netlink, network: Network) -> None:
    """Make the bridge of a network, with its addresses and rules."""
    for net in links.routes(socket):
        if net.overlaps(network.net):
            raise OSError(
                errno.EADDRINUSE, f"{net} has a route here, as network {network.name}"
            )
    mtu = links.mtu_of_the_way_out(socket)
    _check_free(socket, network.link)
    try:
        links.make_bridge(socket, network.link, _OURS + posix.urandom(2), mtu)
        bridge = links.find(socket, network.link)
        index = bridge.index if bridge else 0
        links.add_address(socket, index, network.net.first + 1, network.net.bits)
        if has_ipv6():
            _believe_no_router(network.link)
            links.add_address(socket, index, network.net6.first + 1, BITS6)
        rules.make(network.link, network.net, network.net6 if has_ipv6() else None)
    except BaseException:
        clear_up(known, socket)
        raise


def _check_free(socket: Netlink, name: str) -> None:
    if links.find(socket, name):
        raise FileExistsError(
            errno.EEXIST, f"there is an interface {name}, and it is not ours"
        )


def _is_somebody_elses(socket: Netlink, name: str) -> bool:
    """Say so of an interface; where ours was removed by hand, its rules are left."""
    link = links.find(socket, name)
    return bool(link and not link.mac.startswith(_OURS))


def _dismantle(socket: Netlink, network: Network) -> None:
    links.remove(socket, network.link)
    rules.remove(network.link)


def _believe_no_router(link: str) -> None:
    """Have no container send the host's packets to itself (CVE-2020-13401).

    The rules refuse such advertisements as well, where /proc/sys may not be written.
    """
    try:
        libc.write(f"{_CONF6}/{link}/accept_ra".encode(), b"0")
    except OSError:
        pass


def _random_mac() -> bytes:
    return b"\x02" + posix.urandom(5)  # 2: of nobody's making


def _read(file: str) -> str:
    try:
        return procfs.read(file).strip()
    except OSError:
        return ""
