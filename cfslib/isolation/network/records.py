"""records: which networks there are, and which address is whose: files, no daemon.

    /run/cfs/networks/HOST/       of one network namespace, a "host": see `gone`
        NAME                      the addresses of a network, and if it was asked for
        NAME.leases/10.201.0.2    an address that a container has

Who has an address holds a lock on its file, see flock(2), and the kernel takes that
away with the process: so an address whose maker was killed is free, and nobody has to
ask whether a pid is still the same process.
"""

import errno
import fcntl
import posix
import stat

from cfslib.isolation.network import gone
from cfslib.isolation.network.addresses import Address, Net
from cfslib.kernel import procfs
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

_LEASES, _LAST = ".leases", ".last"
_NEW = posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOFOLLOW
DEFAULT = "bridge"  # the network that is there without being asked for
LONGEST = 11  # letters of a name: "cfs-" and it are the name of a link


class Network(Record):
    """A network of containers on this host."""

    def __init__(self, name: str, net: Net, net6: Net, kept: bool) -> None:
        self.name, self.net, self.net6 = name, net, net6
        self.kept = kept  # somebody made it; else it goes with the last container

    @property
    def link(self) -> str:
        """Return the name of its bridge, and of its table of rules."""
        return link_of(self.name)


def link_of(name: str) -> str:
    """Return the name of the bridge of a network."""
    return "cfs0" if name == DEFAULT else f"cfs-{name}"


class Records:
    """The files about the networks of our host; nobody else changes them meanwhile."""

    def __enter__(self) -> "Self":
        self._top = _directory()
        self._lock = posix.open(f"{self._top}/lock", _NEW, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._here = f"{self._top}/{gone.name_of_this_host()}"
        gone.clear_up(self._top)
        _make(self._here)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            posix.rmdir(self._here)
        except OSError:
            pass  # there are networks
        posix.close(self._lock)

    def names(self) -> "list[str]":
        """Return the names of the networks that there are."""
        return sorted(name for name in posix.listdir(self._here) if "." not in name)

    def find(self, name: str) -> "Network | None":
        """Return what is known of a network."""
        try:
            text = procfs.read(f"{self._here}/{name}")
            net, net6, kept = text.split()
        except (FileNotFoundError, ValueError):  # or the disk was full
            return None
        return Network(name, Net.read(net), Net.read(net6), kept == "kept")

    def all(self) -> "list[Network]":
        """Return what is known of all networks."""
        return [found for name in self.names() if (found := self.find(name))]

    def keep(self, network: Network) -> None:
        """Note a network; whoever looks sees all of the note, or none."""
        text = f"{network.net}\n{network.net6}\n{'kept' if network.kept else 'passing'}"
        new = posix.open(f"{self._here}/.new", _NEW | posix.O_TRUNC, 0o600)
        posix.write(new, text.encode())
        posix.close(new)
        posix.rename(f"{self._here}/.new", f"{self._here}/{network.name}")

    def forget(self, name: str) -> None:
        """Forget a network, and who had which address."""
        leases = f"{self._here}/{name}{_LEASES}"
        for lease in _listed(leases):
            posix.unlink(f"{leases}/{lease}")
        for path in (f"{self._here}/{name}{_LAST}", f"{self._here}/{name}"):
            if posix.access(path, posix.F_OK):
                posix.unlink(path)
        if posix.access(leases, posix.F_OK):
            posix.rmdir(leases)

    def in_use(self, name: str) -> "list[Address]":
        """Return the addresses that containers have; forget those of the dead."""
        leases = f"{self._here}/{name}{_LEASES}"
        found = []
        for address in _listed(leases):
            try:
                posix.close(_locked(f"{leases}/{address}"))
            except BlockingIOError:
                found.append(Address.read(address))
            else:
                posix.unlink(f"{leases}/{address}")
        return found

    def take(self, network: Network) -> "Lease":
        """Take an address: the next one, so that none is used again soon."""
        leases = f"{self._here}/{network.name}{_LEASES}"
        _make(leases)
        taken = set(self.in_use(network.name))
        last = self._last(network.name)
        usable = network.net.size - 3  # not the net itself, the router, the broadcast
        for step in range(usable):
            number = 2 + (last - 2 + 1 + step) % usable
            address = network.net.first + number
            if address not in taken:
                self._note_last(network.name, number)
                fd = _locked(f"{leases}/{address}")
                return Lease(network, address, network.net6.first + number, fd)
        raise OSError(
            errno.EADDRNOTAVAIL, f"no address is left in network {network.name}"
        )

    def give_back(self, lease: "Lease") -> None:
        """Have an address no more.  Others may have a copy of the descriptor."""
        leases = f"{self._here}/{lease.network.name}{_LEASES}"
        if posix.access(f"{leases}/{lease.address}", posix.F_OK):
            posix.unlink(f"{leases}/{lease.address}")
        fcntl.flock(lease.fd, fcntl.LOCK_UN)

    def _last(self, name: str) -> int:
        try:
            return int(procfs.read(f"{self._here}/{name}{_LAST}"))
        except (FileNotFoundError, ValueError):
            return 1

    def _note_last(self, name: str, number: int) -> None:
        fd = posix.open(f"{self._here}/{name}{_LAST}", _NEW | posix.O_TRUNC, 0o600)
        posix.write(fd, str(number).encode())
        posix.close(fd)


class Lease(Record):
    """The addresses of one container, as long as it is locked."""

    def __init__(
        self, network: Network, address: Address, address6: Address, fd: int
    ) -> None:
        self.network, self.fd = network, fd
        self.address, self.address6 = address, address6


def _locked(path: str) -> int:
    """Open a file and lock it; raise `BlockingIOError` if somebody else has."""
    fd = posix.open(path, _NEW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        posix.close(fd)
        raise
    return fd


def _listed(directory: str) -> "Iterator[str]":
    try:
        yield from posix.listdir(directory)
    except FileNotFoundError:
        pass


def _directory() -> str:
    """Return where the records are: the same for all who may change this network."""
    runtime = posix.environ.get(b"XDG_RUNTIME_DIR", b"").decode()
    above = "/run" if posix.access("/run", posix.W_OK) else runtime
    if not above.startswith("/"):
        raise PermissionError(
            errno.EACCES, "records of networks need /run, or XDG_RUNTIME_DIR"
        )
    for directory in (f"{above}/cfs", f"{above}/cfs/networks"):
        _make(directory)
    return f"{above}/cfs/networks"


def _make(directory: str) -> None:
    """Make a directory that is ours alone, or see that it is."""
    try:
        posix.mkdir(directory, 0o700)
    except FileExistsError:
        pass
    found = posix.lstat(directory)
    is_ours = found.st_uid == posix.geteuid() and not found.st_mode & 0o022
    if not stat.S_ISDIR(found.st_mode) or not is_ours:
        raise PermissionError(errno.EACCES, f"{directory} is not ours alone")
