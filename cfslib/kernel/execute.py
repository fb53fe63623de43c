"""execute: become a program of a container's, while others may swap its files.

Whoever enters a container comes to a place where others are.  Between a look at a
program and its start they can put a link to /proc/self/exe there, or write one into its
`#!` line; that leads to the file that we are, the host's Python (CVE-2019-5736).  So
here the kernel gets nothing that it would have to look up once more:

    a program   its directory as a descriptor, and a name there that is no link
    a script    is not given to it at all: its interpreter is, in the same way

A script that takes the place of a program is refused, because the descriptor is closed
on exec: the interpreter could not open it.  See execveat(2).
"""

import _signal as signal
import errno
import posix

from cfslib.kernel import libc
from cfslib.kernel.program import (
    DEFAULTS,
    LONGEST_LINE,
    MOST_INTERPRETERS,
    NO_MAGIC_LINKS,
    refuse_links_out_of_here,
)
from cfslib.kernel.tracing import encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

_MOST_LINKS = 40  # on the way to a file: the kernel follows no more either


def become(argv: "Sequence[str]", environment: "Mapping[str, str]") -> "NoReturn":
    """Become a program, found in the PATH of `environment`; raise why we cannot.

    Signals are to it as to a fresh process.
    """
    for number in DEFAULTS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    name, words = argv[0], [encoded(word) for word in argv]
    variables = [encoded(f"{name}={value}") for name, value in environment.items()]
    if "/" in name or not name:
        _become(encoded(name), words, variables)
    refusal = OSError(errno.ENOENT, "")
    for directory in environment.get("PATH", "/bin:/usr/bin").split(":"):
        try:
            _become(encoded(f"{directory or '.'}/{name}"), words, variables)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except PermissionError as error:  # worth telling, if there is no other
            refusal = error
    raise refusal


def _become(file: bytes, words: "list[bytes]", variables: "list[bytes]") -> "NoReturn":
    refuse_links_out_of_here(file)
    for _ in range(1 + MOST_INTERPRETERS):
        directory, name = place_of(file)
        script = _interpreter(directory, name)
        if not script:
            libc.execveat(directory, name, words, variables)
            raise PermissionError(errno.EPERM, "execveat was answered, but not done")
        posix.close(directory)
        words = [*script, file, *words[1:]]
        file = script[0]
    raise OSError(errno.ELOOP, "")


def place_of(file: bytes) -> "tuple[int, bytes]":
    """Return a descriptor of the directory of a file, and its name there: no link."""
    for _ in range(_MOST_LINKS):
        way, slash, name = file.rpartition(b"/")
        if name in (b"", b".", b".."):
            raise PermissionError(errno.EACCES if file else errno.ENOENT, "")
        flags = posix.O_PATH | posix.O_DIRECTORY
        directory = libc.openat2(way + slash or b".", flags, NO_MAGIC_LINKS)
        try:
            target = posix.readlink(name, dir_fd=directory)
        except OSError as error:
            if error.errno == errno.EINVAL:  # it is no link
                return directory, name
            posix.close(directory)
            raise
        posix.close(directory)
        file = target if target[:1] == b"/" else way + slash + target
    raise OSError(errno.ELOOP, "")


def _interpreter(directory: int, name: bytes) -> "list[bytes]":
    """Return what the `#!` line of a script says; nothing for another program."""
    flags = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOFOLLOW
    try:
        fd = libc.openat2(name, flags, NO_MAGIC_LINKS, directory)
    except PermissionError:
        return []  # who may run a file but not read it: it can be no script
    try:
        line = posix.read(fd, LONGEST_LINE).split(b"\n")[0]
    except IsADirectoryError:
        raise PermissionError(errno.EACCES, "") from None
    finally:
        posix.close(fd)
    if not line.startswith(b"#!"):
        return []
    if not posix.access(name, posix.X_OK, dir_fd=directory, effective_ids=True):
        raise PermissionError(errno.EACCES, "")
    words = line[2:].replace(b"\t", b" ").strip(b" ").split(b" ", 1)
    if not words[0]:
        raise OSError(errno.ENOEXEC, "")
    return [word.strip(b" ") for word in words]
