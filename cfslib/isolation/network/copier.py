"""copier: the network of an ordinary user's container.

Nobody but root may change the host's interfaces.  So a program in the user's name reads
each packet of the container's from a tap device, and does with sockets of its own what
the packet asks for.  `pasta` gives the container the addresses of the host, so that
what is sent to these stays inside, and no server of the host is reached by them.
"""

import posix

from cfslib.isolation.network import programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# No port of either side is passed on, and the router's address does not mean the host.
_PASTA = "--foreground --config-net --quiet -t none -u none -T none -U none --no-map-gw"
_SLIRP = "--configure --mtu=65520 --disable-host-loopback --disable-dns --enable-ipv6"
INSIDE = "tap0"


def find() -> str:
    """Return the program that will do it; raise `FileNotFoundError` if none is here."""
    return programs.find("pasta", "slirp4netns")


def start(pid: int) -> int:
    """Have a process in a network namespace of its own joined to the host.

    Return the pid of the program that does it, when all is ready.
    """
    ready, is_ready = posix.pipe2(posix.O_CLOEXEC)
    null = posix.open("/dev/null", posix.O_RDWR | posix.O_CLOEXEC)
    said = programs.in_memory()
    child = programs.start(_command(find(), pid), [is_ready, null, said])
    posix.close(is_ready)
    posix.close(null)
    is_up = posix.read(ready, 1)  # its pid, or a 1; nothing if it has ended
    posix.close(ready)
    words = programs.read_back(said)
    if not is_up:
        raise OSError(f"the network could not be made: {_last_of(words)}")
    return child


def _command(tool: str, pid: int) -> "Sequence[str]":
    """Return what to start, for which standard input is where it says it is ready."""
    if tool.endswith("pasta"):
        return [tool, *_PASTA.split(), "-I", INSIDE, "-P", "/proc/self/fd/0", str(pid)]
    user = f"--userns-path=/proc/{pid}/ns/user"
    return [tool, *_SLIRP.split(), "--ready-fd=0", user, str(pid), INSIDE]


def _last_of(words: str) -> str:
    """Return the last line of what it said that is not about its own log."""
    lines = [line for line in words.split("\n") if line and "syslog" not in line]
    return lines[-1] if lines else "it said nothing"
