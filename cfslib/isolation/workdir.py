"""workdir: where the relative paths of a process start, once its root has changed."""

import errno
import posix

from cfslib.kernel import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def start_in(directory: "str | Path") -> None:
    """Start our relative paths at a directory of the new root.

    Raise `PermissionError` if it is outside: where /proc/self/fd leads, for one.
    """
    syscalls.chdir(directory)
    try:
        is_inside = posix.getcwd().startswith("/")
    except FileNotFoundError:  # from our root, no path leads there
        is_inside = False
    if not is_inside:
        raise PermissionError(errno.EPERM, f"{directory} is not in the container")
