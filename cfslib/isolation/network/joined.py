"""joined: what a maker does so that its container has a network.

Before the container is made: the ports are taken, and an address.  When it has its
namespaces: it is joined to the network, and is told what it has to do inside.
"""

import fcntl
import posix

from cfslib.isolation import capabilities
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.network import names, ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from cfslib.isolation.network.keeper import Keeper
    from cfslib.isolation.network.ports import Port
    from cfslib.isolation.network.records import Lease

HOST, NONE = "host", "none"
_GET_USERNS = 0xB701  # NS_GET_USERNS: who owns a namespace, ioctl_nsfs(2)


class Joined:
    """The network of one container, as its maker has it."""

    def __init__(
        self,
        network: str,
        hostname: str,
        *,
        publish: "Sequence[str]" = (),
        dns: "Sequence[str]" = (),
        hosts: "Sequence[str]" = (),
    ) -> None:
        self._network, self._hostname = network, hostname
        self._publish = [port for text in publish for port in ports.read(text)]
        self._dns, self._hosts = dns, hosts
        self._published: list[tuple[Port, Any]] = []
        self._lease: Lease | None = None
        self._keeper: Keeper | None = None
        self._end = ""  # our end of the container's cable

    def __enter__(self) -> "Self":
        try:
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _prepare(self) -> None:
        if self._network in (HOST, NONE):
            if self._publish:
                raise ValueError("a port is published of a network: --network bridge")
            return
        for wanted in self._publish:
            self._published.append((wanted, ports.listen(wanted)))
        if may_have_a_bridge():
            from cfslib.isolation.network import bridge

            self._lease = bridge.join(self._network)
        else:
            from cfslib.isolation.network import copier

            if self._network != "bridge":
                raise PermissionError("a network of this name takes root")
            copier.find()

    def attach(self, pid: int) -> "tuple[Any, ...]":
        """Join the container; return what `inside.set_up` is to be told.

        That is: if its network is new; its addresses, each with the bits of its
        network; its routers; files.
        """
        if self._network == HOST:
            return False, [], [], self._asked_for()
        if self._network == NONE:
            resolver, _ = names.resolver(self._dns, ()) if self._dns else ("", {})
            return True, [], [], self._files([], resolver)
        resolver, passed_on = names.resolver(self._dns, self._of_the_host())
        addresses: list[str] = []
        parts: tuple[Any, Any] = [], []
        if self._lease:
            from cfslib.isolation.network import bridge

            self._end = bridge.attach(self._lease, pid)
            parts, addresses = _parts(self._lease, bridge.has_ipv6())
        found = self._keep(pid, passed_on)
        return True, *parts, self._files(addresses or found, resolver)

    def _keep(self, pid: int, passed_on: "dict[str, str]") -> "list[str]":
        """Start a keeper; return the addresses that it found, if it was waited for."""
        from cfslib.isolation.network.keeper import Keeper

        self._keeper = Keeper(pid, self._published, passed_on, self._lease)
        self._close_listeners()
        is_awaited = self._published or passed_on or not self._lease
        return self._keeper.wait() if is_awaited else []

    def _close_listeners(self) -> None:
        for _, listener in self._published:
            listener.close()  # which does no harm twice

    def _of_the_host(self) -> "Sequence[Any]":
        """Return the addresses of the host, which are not reached from inside."""
        from cfslib.isolation.network import links
        from cfslib.kernel.netlink import Netlink

        with Netlink() as socket:
            return list(links.all_addresses(socket))

    def _files(self, addresses: "list[str]", resolver: str) -> "dict[str, str]":
        hosts = names.hosts(self._hostname, addresses, self._hosts)
        return {"hosts": hosts, "resolv.conf": resolver}

    def _asked_for(self) -> "dict[str, str]":
        """Return the files that a container on the host's network has of ours."""
        files = self._files([], names.resolver(self._dns, ())[0])
        asked = {"hosts": self._hosts, "resolv.conf": self._dns}
        return {name: text for name, text in files.items() if asked[name]}

    def __exit__(self, *_: object) -> None:
        if self._keeper:
            self._keeper.dismiss()
        self._close_listeners()
        if self._lease:
            from cfslib.isolation.network import bridge

            lease, self._lease = self._lease, None
            try:
                bridge.leave(lease, self._end)
            finally:
                posix.close(lease.fd)


def may_have_a_bridge() -> bool:
    """Say if the network namespace that we are in is ours to change."""
    if not capabilities.has(Capability.NET_ADMIN):
        return False
    namespace = posix.open("/proc/self/ns/net", posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        owner = fcntl.ioctl(namespace, _GET_USERNS)
    except OSError:
        return False  # somebody above us
    finally:
        posix.close(namespace)
    same = posix.fstat(owner).st_ino == posix.stat("/proc/self/ns/user").st_ino
    posix.close(owner)
    return same


def _parts(lease: "Lease", ipv6: bool) -> "tuple[tuple[Any, Any], list[str]]":
    """Return what a container on a bridge is told, and its addresses as text."""
    network = lease.network
    both = (lease.address, network.net), (lease.address6, network.net6)
    used = both if ipv6 else both[:1]
    addresses = [(address.packed, net.bits) for address, net in used]
    routers = [(net.first + 1).packed for _, net in used]
    return (addresses, routers), [str(address) for address, _ in used]
