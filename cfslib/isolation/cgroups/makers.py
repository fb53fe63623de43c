"""makers: whose a group is, as its name tells, and what those have left who are gone.

The janitor of a process removes its groups.  If both are killed at once, nobody does,
so whoever makes groups next to them looks for such names.
"""

import posix

from cfslib.kernel import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "cfs"


def name() -> str:
    """Return a name for a group that we make: no other group has it, or will have."""
    maker = f"{posix.getpid()}-{procfs.start_of()}-{_pids_we_see()}"
    return f"{PREFIX}-{maker}-{posix.urandom(4).hex()}"


def clear_up(parents: "Sequence[str]") -> None:
    """Remove what makers have left in these groups who are gone.

    A group with a process in it stays: it is not removed by the kernel, or by us.
    """
    if posix.readlink("/proc/self") != str(posix.getpid()):
        return  # this /proc speaks of other processes
    gone: dict[str, bool] = {}  # by what all groups of a maker begin with
    for parent in parents:
        for entry in posix.listdir(parent):
            maker = entry.rpartition("-")[0]
            if maker.startswith(f"{PREFIX}-"):
                if maker not in gone:
                    gone[maker] = _is_gone(maker)
                if gone[maker]:
                    _remove(f"{parent}/{entry}")


def _is_gone(maker: str) -> bool:
    """Say so if we can know: in another PID namespace, pids are others."""
    parts = maker.split("-")
    if len(parts) != 4 or parts[3] != _pids_we_see():
        return False
    try:
        start = procfs.start_of(parts[1])
    except ProcessLookupError:
        return True
    return start != parts[2]  # or the pid is somebody else's by now


def _pids_we_see() -> str:
    """Return the number of our PID namespace."""
    return posix.readlink("/proc/self/ns/pid")[len("pid:[") : -1]


def _remove(group: str) -> None:
    try:
        with posix.scandir(group) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _remove(entry.path)
        posix.rmdir(group)
    except OSError:
        pass  # it is in use, or is being removed by somebody else
