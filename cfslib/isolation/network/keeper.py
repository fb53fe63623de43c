"""keeper: a process beside a container that copies, and clears up after a maker.

It copies what comes to published ports to the container, and what the container asks
nameservers that only the host reaches.  It has nothing of its maker's but the sockets
for that, and ends when the maker says so.  If the maker is killed, it waits for the end
of the container and gives its address back.

Connections to the container are made in its own network namespace, from its own address
and not from 127.0.0.1: a server inside may trust who comes from there (CVE-2021-20199).
"""

import _signal as signal
import _socket
import posix
import select

from cfslib.isolation import capabilities, namespaces
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.namespaces import Namespace
from cfslib.isolation.network import alone, bridge, copier, links
from cfslib.isolation.network.addresses import Address
from cfslib.isolation.network.datagrams import Datagrams
from cfslib.isolation.network.ports import Port, listen
from cfslib.isolation.network.streams import Loop, Streams
from cfslib.kernel import libc, syscalls
from cfslib.kernel.netlink import Netlink
from cfslib.kernel.syscalls import Prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import NoReturn

    from cfslib.isolation.network.records import Lease
    from cfslib.isolation.network.streams import Way

NAME = b"cfs-network"
_DNS = 53
_READY, _FAILED = b"+", b"-"
# To go home, and to remove what is there.  Whoever copies for a user has no home.
_TO_CLEAR_UP = (Capability.SYS_ADMIN, Capability.NET_ADMIN)
_KILL = 9
_PATIENCE = 10_000  # ms, until all is ready, or until a container has ended


class Keeper:
    """Looks after the network of one container."""

    def __init__(
        self,
        pid: int,  # of a process in the container's network namespace
        published: "Sequence[tuple[Port, _socket.socket]]",
        passed_on: "dict[str, str]",  # nameservers: where they are inside, and outside
        lease: "Lease | None",  # None: of an ordinary user
    ) -> None:
        self._pid, self._published, self._passed_on = pid, published, passed_on
        self._lease = lease
        self._maker, self._container = posix.pidfd_open(posix.getpid()), _pidfd(pid)
        self._told, ready = posix.pipe2(posix.O_CLOEXEC)
        orders, self._order = posix.pipe2(posix.O_CLOEXEC)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._child = libc.fork_quietly()
        if self._child == 0:
            self._live(ready, orders)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for fd in (ready, orders, self._maker, self._container):
            posix.close(fd)

    # In the maker:

    def wait(self) -> "list[str]":
        """Wait until all is ready; return the container's addresses."""
        if not _is_ready(self._told, _PATIENCE):
            raise TimeoutError("the network was not ready in time")
        told = b""
        while data := posix.read(self._told, 4096):
            told += data
        state, words = told[:1], told[1:].decode()
        if state != _READY:
            raise OSError(words or "what looks after the network was killed")
        return words.split()

    def dismiss(self) -> None:
        """Need it no more: it ends, and with it what it has started."""
        try:
            posix.write(self._order, b".")
        except BrokenPipeError:
            pass  # it was killed
        child = posix.pidfd_open(self._child)
        if not _is_ready(child, _PATIENCE):
            posix.kill(self._child, _KILL)  # what it has started hangs
        libc.wait_for(self._child)
        posix.close(child)
        posix.close(self._told)
        posix.close(self._order)

    # In the child:

    def _live(self, ready: int, orders: int) -> "NoReturn":
        try:
            lease = [self._lease.fd] if self._lease else []
            sockets = [socket.fileno() for _, socket in self._published]
            _let_go({ready, orders, self._maker, self._container, *lease, *sockets})
            loop = Loop()
            loop.watch(orders, select.EPOLLIN, _end)
            loop.watch(self._maker, select.EPOLLIN, _end)
            self._serve(loop, ready)
        except _End:
            self._clear_up(orders)
        finally:
            posix._exit(0)

    def _serve(self, loop: Loop, ready: int) -> None:
        self._home = posix.open("/proc/self/ns/net", posix.O_RDONLY | posix.O_CLOEXEC)
        self._helpers: list[int] = []
        try:
            if not self._lease:
                self._helpers.append(copier.start(self._pid))
            if self._passed_on:
                self._helpers.append(self._pass_on())
            self._enter()
            with Netlink() as socket:
                addresses = self._addresses(socket)
            for port, listener in self._published:
                _copy(loop, listener, port, addresses)
            _keep_rights(_TO_CLEAR_UP if self._lease else ())
        except OSError as error:
            posix.write(ready, _FAILED + str(error.strerror or error).encode())
            posix.close(ready)
            raise _End from None
        posix.write(ready, _READY + " ".join(map(str, addresses)).encode())
        posix.close(ready)
        loop.run()

    def _addresses(self, socket: Netlink) -> "list[Address]":
        """Return the container's own; on a bridge, it may not have them yet."""
        if self._lease:
            both = [self._lease.address, self._lease.address6]
            return both if bridge.has_ipv6() else both[:1]
        return list(links.addresses(socket))

    def _enter(self) -> None:
        """Go to the container's network namespace; a user has to be its root."""
        kinds = Namespace.NET if self._lease else Namespace.USER | Namespace.NET
        namespaces.enter(kinds, self._pid)

    def _pass_on(self) -> int:
        """Fork a process that stays outside, with sockets from inside."""
        outside = posix.getpid()
        inside = self._sockets_inside()
        pid = libc.fork_quietly()
        if pid == 0:
            try:
                libc.prctl(Prctl.SET_PDEATHSIG, _KILL)
                # Above all the end by which our maker hears that all is ready.
                _close_all_but(listener.fileno() for (_, listener), _ in inside)
                loop = Loop()
                for (port, listener), server in inside:
                    _copy(loop, listener, port, [Address.read_with_zone(server)])
                _keep_rights(())
                if posix.getppid() == outside:
                    loop.run()
            finally:
                posix._exit(0)
        for (_, listener), _ in inside:
            listener.close()
        return pid

    def _sockets_inside(
        self,
    ) -> "list[tuple[tuple[Port, _socket.socket], str]]":
        """Listen in the container at port 53, and bring the sockets out.

        By a child, because a user who has gone inside does not come out again.
        """
        from cfslib.kernel import messages

        wanted = [
            (Port(address, _DNS, _DNS, kind), server)
            for address, server in self._passed_on.items()
            for kind in ("tcp", "udp")
        ]
        ours, theirs = libc.socketpair(10)
        pid = libc.fork_quietly()
        if pid == 0:
            try:
                self._enter()
                alone.bring_up()
                opened = [listen(port) for port, _ in wanted]
                fds = [socket.fileno() for socket in opened]
                messages.send(theirs, _READY, fds)
            finally:
                posix._exit(0)
        posix.close(theirs)
        _, fds = messages.receive(ours, 1, len(wanted))
        posix.close(ours)
        libc.wait_for(pid)
        if len(fds) != len(wanted):
            raise OSError("nothing can listen inside for what nameservers are asked")
        sockets = [_socket.socket(fileno=fd) for fd in fds]
        ports = [(port, server) for port, server in wanted]
        return [
            ((port, socket), server)
            for (port, server), socket in zip(ports, sockets, strict=True)
        ]

    def _clear_up(self, orders: int) -> None:
        """End what we have started; if the maker was killed, do its work.

        The kernel closes the descriptors of who is killed some time before the pidfd
        says that it has ended: so what counts is that no order came.
        """
        for pid in self._helpers:
            posix.kill(pid, _KILL)
            libc.wait_for(pid)
        if self._lease and not self._was_dismissed(orders):
            _has_ended(self._container, _PATIENCE)
            syscalls.setns(self._home, Namespace.NET)
            bridge.leave(self._lease)

    def _was_dismissed(self, orders: int) -> bool:
        """Wait for an order, or the end of the maker; say which of them it was."""
        waiting = select.poll()
        for fd in (orders, self._maker):
            waiting.register(fd, select.POLLIN)
        waiting.poll()
        return _is_ready(orders, 0) and posix.read(orders, 1) != b""


class _End(Exception):
    """There is nothing more to do."""


def _end() -> None:
    raise _End


def _copy(
    loop: Loop, listener: _socket.socket, port: Port, to: "Sequence[Address]"
) -> None:
    """Copy what comes to a port to one of some addresses, one of its family first."""
    to = sorted(to, key=lambda address: address.family != listener.family)
    ways = [_way(port, address) for address in to]
    kind = Streams if port.kind == "tcp" else Datagrams
    if ways:
        kind(loop, listener, ways)


def _way(port: Port, address: Address) -> "Way":
    kind = _socket.SOCK_STREAM if port.kind == "tcp" else _socket.SOCK_DGRAM
    flags = _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC

    def connect() -> _socket.socket:
        socket = _socket.socket(address.family, kind | flags)
        try:
            socket.connect(address.at(port.inside))
        except BlockingIOError:
            pass  # it goes on meanwhile
        except OSError:
            socket.close()
            raise
        return socket

    return connect


def _keep_rights(kept: "Sequence[Capability]") -> None:
    """Give up all others; who has none outside may not lower the bounds, nor gains."""
    if capabilities.has(Capability.SETPCAP):
        capabilities.bound(kept)
    capabilities.have_only(kept)
    if not kept:
        capabilities.gain_no_more()


def _let_go(kept: "Iterable[int]") -> None:
    """Have no descriptor of the maker's but these, nor its terminal or directory."""
    libc.prctl(Prctl.SET_NAME, NAME)
    posix.setsid()
    posix.chdir("/")
    null = posix.open("/dev/null", posix.O_RDWR)
    for number in range(3):
        posix.dup2(null, number)
    _close_all_but(kept)


def _close_all_but(kept: "Iterable[int]") -> None:
    first = 3
    for fd in sorted(kept):
        posix.closerange(first, fd)
        first = fd + 1
    libc.close_from(first)


def _pidfd(pid: int) -> int:
    return posix.pidfd_open(pid)


def _has_ended(pidfd: int, patience: int) -> bool:
    """Say if a process has ended, or ends in so many milliseconds."""
    return _is_ready(pidfd, patience)


def _is_ready(fd: int, patience: int) -> bool:
    """Wait for something to read, or an end, for so many milliseconds."""
    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    return bool(waiting.poll(patience))
