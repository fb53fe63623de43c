"""program: find the file that a command names, and start it, if it is the container's.

Some links in /proc lead past all mounts, to the very file that a process has open or
runs: /proc/self/exe is one.  In the hands of PID 1 that is the host's Python.  If `sh`
in a rootfs were a link to it, the host's file would run inside, and whoever is root
there could hold on to it and overwrite it (CVE-2019-5736).  So a command is only
started if the way to it, and to the interpreter in its `#!` line, has no such link:
RESOLVE_NO_MAGICLINKS in openat2(2).
"""

import _signal as signal
import errno
import posix as os
import sys

from cfslib.kernel import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Python ignores SIGPIPE and SIGXFSZ, and an ignored signal survives exec.
DEFAULTS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
NO_MAGIC_LINKS = 2  # <linux/openat2.h>
LONGEST_LINE = 256  # the kernel reads no more of a `#!` line: BINPRM_BUF_SIZE
MOST_INTERPRETERS = 5  # of interpreters, one for the other; the kernel allows no more


def spawn(argv: "Sequence[str]", environment: "Mapping[str, str]", path: str) -> int:
    """Start a program that is found in `path`; return its pid."""
    name = argv[0]
    if "/" in name or not name:
        return _start(name, argv, environment)
    refusal = OSError(errno.ENOENT, "")
    for directory in path.split(":"):
        try:
            return _start(f"{directory or '.'}/{name}", argv, environment)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except PermissionError as error:  # worth telling, if there is no other
            refusal = error
    raise refusal


def _start(file: str, argv: "Sequence[str]", environment: "Mapping[str, str]") -> int:
    """Start a program, with signals as a fresh process has them; return its pid.

    Unlike after a fork, an exec that fails is an error here, in the parent.
    """
    refuse_links_out_of_here(file)
    return os.posix_spawn(
        file, list(argv), environment, setsigmask=(), setsigdef=DEFAULTS
    )


def refuse_links_out_of_here(file: "str | bytes") -> None:
    """Raise `OSError` with ELOOP if a program is not where its path says."""
    for _ in range(1 + MOST_INTERPRETERS):
        try:
            fd = libc.openat2(file, os.O_RDONLY | os.O_NONBLOCK, NO_MAGIC_LINKS)
        except OSError as error:
            if error.errno == errno.EACCES:
                return  # who may run a file but not read it may not write it either
            raise
        try:
            line = os.read(fd, LONGEST_LINE).split(b"\n")[0]
        except IsADirectoryError:
            return  # which posix_spawn will say
        finally:
            os.close(fd)
        if not line.startswith(b"#!"):
            return
        words = line[2:].replace(b"\t", b" ").split(b" ")
        file = next((word for word in words if word), b"")


def ours() -> str:
    """Return how `cfs` is typed where no PATH leads to it, as under sudo."""
    typed = sys.argv[0]
    if not typed.endswith("/cfs"):  # in a notebook, or a program of somebody's own
        typed = f"{sys.prefix}/bin/cfs"
    try:
        path = typed if typed[:1] == "/" else f"{os.getcwd()}/{typed}"
        os.stat(path)
    except OSError:
        return "cfs"
    # Not with shlex, which takes milliseconds: a hint is made at every start of a user.
    is_plain = all(letter.isalnum() or letter in "/-._" for letter in path)
    return path if is_plain else "'" + path.replace("'", "'\\''") + "'"
