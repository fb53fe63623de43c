"""programs: those of the machine that do a part of the work, and how they are started.

Each gets three descriptors and no others: one that was open would stay open in it, and
a port that is listened to would stay taken.
"""

import _signal as signal
import errno
import posix

from cfslib.kernel import libc
from cfslib.kernel.program import DEFAULTS
from cfslib.kernel.syscalls import Prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_WHERE = ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/sbin")
_KILL = 9
_START = 0  # SEEK_SET
_PACKAGES = {"nft": "nftables", "pasta": "passt", "slirp4netns": "slirp4netns"}


def find(*names: str) -> str:
    """Return the path of the first of some programs that is here."""
    path = posix.environ.get(b"PATH", b"").decode("utf-8", "surrogateescape")
    places = [place for place in path.split(":") if place.startswith("/")]
    for name in names:
        for place in (*places, *_WHERE):
            if posix.access(f"{place}/{name}", posix.X_OK):
                return f"{place}/{name}"
    wanted = " or ".join(f"`{name}`" for name in names)
    error = FileNotFoundError(errno.ENOENT, f"this network takes {wanted}: not here")
    packages = " or ".join(_PACKAGES[name] for name in names)
    error.add_note(
        f"Hint: on Debian and Ubuntu `apt install` {packages}, on Fedora `dnf install`."
    )
    raise error


def start(argv: "Sequence[str]", streams: "Sequence[int]") -> int:
    """Start a program as our child that ends with us; return its pid.

    The descriptors of its streams are none of the standard three of ours.
    """
    us = posix.getpid()
    pid = libc.fork_quietly()
    if pid == 0:
        try:
            for number, fd in enumerate(streams):
                posix.dup2(fd, number)
            libc.close_from(len(streams))
            _take_signals_as_they_come()
            libc.prctl(Prctl.SET_PDEATHSIG, _KILL)
            if posix.getppid() == us:  # else we ended before the kernel knew the wish
                posix.execv(argv[0], list(argv))
        finally:
            posix._exit(127)
    return pid


def _take_signals_as_they_come() -> None:
    """Ignore and block none, as in a fresh process: `pasta` fails where one is."""
    for number in DEFAULTS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def in_memory(text: bytes = b"") -> int:
    """Return a descriptor of a file in memory, to be read from its start."""
    fd = posix.memfd_create("cfs-network", posix.MFD_CLOEXEC)
    posix.write(fd, text)
    posix.lseek(fd, 0, _START)
    return fd


def read_back(fd: int) -> str:
    """Return what has been written to such a file, and close it."""
    text = posix.pread(fd, 4096, 0).decode(errors="replace").strip()
    posix.close(fd)
    return text
