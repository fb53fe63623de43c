"""places: where is written down which containers there are.

In the directory that a user has for as long as the machine is up, because no container
outlives that:

    $XDG_RUNTIME_DIR/cfs    where it is set, and ours
    /run/cfs                root's
    /run/user/UID/cfs       the same as the first one, where nobody said so, as in cron
    /tmp/cfs-UID            where there is no such directory, as in a JupyterHub; or
                            there where TMPDIR says

What systemd gives root at the login is gone at the logout, and cron has none; so /run
is root's, whatever the variable says of that one.  No place is used that others may
write to: see `ours`.
"""

import posix
import sys

from cfslib.images import ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLE = "XDG_RUNTIME_DIR"


def directory(environ: "Mapping[bytes, bytes]") -> str:
    """Return the directory of this user; raise an `OSError` if others could change it.

    It need not be there yet.
    """
    place = next(_candidates(environ))
    ours.check(place, VARIABLE)
    return place


def _candidates(environ: "Mapping[bytes, bytes]") -> "Iterator[str]":
    user = posix.geteuid()
    of_the_login = f"/run/user/{user}"
    named = _text(environ.get(VARIABLE.encode(), b""))
    if _is_ours(named) and (user or named != of_the_login):
        yield f"{named}/cfs"
    if user == 0 and posix.access("/run", posix.W_OK):
        yield "/run/cfs"
    if user and _is_ours(of_the_login):
        yield f"{of_the_login}/cfs"
    temporary = _text(environ.get(b"TMPDIR", b""))
    yield f"{temporary if temporary[:1] == '/' else '/tmp'}/cfs-{user}"


def _is_ours(path: str) -> bool:
    """Say so if it is an absolute path of a directory that belongs to us."""
    try:
        return path[:1] == "/" and posix.stat(path).st_uid == posix.geteuid()
    except OSError:
        return False  # it is gone, or was another user's before sudo


def _text(value: bytes) -> str:
    return value.decode(sys.getfilesystemencoding(), "surrogateescape")


def boot() -> str:
    """Return what is another one each time that the machine is started."""
    fd = posix.open("/proc/sys/kernel/random/boot_id", posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(fd, 64).decode().strip()
    finally:
        posix.close(fd)
