"""names: what a container finds in /etc/hosts and /etc/resolv.conf.

Its resolv.conf has the nameservers of the host.  One at an address that means somebody
else inside is reached all the same: 127.0.0.53, one of the host's own, or fe80::1%eth0,
with a link of the host's.  The container has an address of its own loopback for it, at
which we pass on what is asked.  No server is ever made up.
"""

import errno
import posix

from cfslib.isolation.network.addresses import Address
from cfslib.kernel import libc, procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_OF_THE_HOST = "/etc/resolv.conf"
_KEPT = ("search", "domain", "options")
_MOST = 3  # nameservers: the C library asks no more
_STUB = "127.0.0.53"  # and the next ones
_WITHIN = 1 | 2  # NO_XDEV | NO_MAGICLINKS in <linux/openat2.h>
_NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW


def resolver(
    asked: "Sequence[str]", of_the_host: "Collection[Address]"
) -> "tuple[str, dict[str, str]]":
    """Return the text of a resolv.conf, and what is to be passed on: here to there.

    What was asked for is taken as it is.
    """
    if asked:
        return "".join(f"nameserver {server}\n" for server in asked), {}
    lines: list[str] = []
    passed_on: dict[str, str] = {}
    for words in _lines():
        if words[0] in _KEPT:
            lines.append(" ".join(words))
        elif (server := _server(words)) and len(lines) < 64:
            address = str(server)
            if server.zone or _is_here(server) or server in of_the_host:
                address = str(Address.read(_STUB) + len(passed_on))
                passed_on[address] = str(server)
            lines.append(f"nameserver {address}")
    return "".join(f"{line}\n" for line in lines), passed_on


def _server(words: "list[str]") -> "Address | None":
    """Return the nameserver of a line, if it is of one."""
    try:
        is_one = words[0] == "nameserver"
        return Address.read_with_zone(words[1]) if is_one else None
    except ValueError:
        return None


def _is_here(server: Address) -> bool:
    """Say if an address means who asks: 0.0.0.0 and :: do as well."""
    return server.is_loopback() or not int(server)


def _lines() -> "list[list[str]]":
    """Return the words of each line of the host's file that has more than one."""
    try:
        lines = procfs.read(_OF_THE_HOST).split("\n")
    except OSError:
        return []
    words = [line.partition("#")[0].split() for line in lines]
    found = [line for line in words if len(line) > 1]
    servers = [line for line in found if _server(line)][:_MOST]
    return [line for line in found if line[0] != "nameserver" or line in servers]


def hosts(hostname: str, addresses: "Sequence[str]", added: "Sequence[str]") -> str:
    """Return the text of a file for hosts: ours, and none of the host's lines."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    lines += [f"{address} {hostname}" for address in addresses or ["127.0.1.1"]]
    for host in added:
        name, _, address = host.partition(":")
        lines.append(f"{address} {name}")
    return "".join(f"{line}\n" for line in lines)


def write(files: "dict[str, str]") -> None:
    """Write files of /etc of the root that we are in, new ones in place of others.

    Whoever made that root may have put a link there: none is followed out of its own
    filesystem, into /proc for one, and the file itself is replaced.
    """
    try:
        posix.mkdir("/etc", 0o755)
    except FileExistsError:
        pass
    flags = posix.O_PATH | posix.O_DIRECTORY
    etc = libc.openat2("/etc", flags, _WITHIN)
    try:
        for name, text in files.items():
            _write(etc, name, text)
    finally:
        posix.close(etc)


def _write(etc: int, name: str, text: str) -> None:
    try:
        posix.unlink(name, dir_fd=etc)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        refused = IsADirectoryError(errno.EISDIR, f"/etc/{name} is a directory")
        raise refused from None
    fd = posix.open(name, _NEW | posix.O_CLOEXEC, 0o644, dir_fd=etc)
    posix.write(fd, text.encode("utf-8", "surrogateescape"))
    posix.close(fd)
