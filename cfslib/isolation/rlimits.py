"""rlimits: what the kernel lets a process have, as another one has it.

Each process has them from its parent.  Who comes from elsewhere takes them over: they
are a part of the box.  A hard limit only goes down, but for root of the machine; so
where we have less than the other, we stay with that.

Manual page: getrlimit(2), and /proc/PID/limits in proc(5).
"""

from cfslib.kernel import libc, procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Limit = tuple[int, int]  # soft, hard

INFINITY = 2**64 - 1
_COLUMN = 26  # where the numbers begin


def of(pid: "int | str") -> "list[Limit]":
    """Return the limits of a process; the place in the list is the kernel's number."""
    lines = procfs.read(f"/proc/{pid}/limits").split("\n")[1:]
    words = [line[_COLUMN:].split() for line in lines if line]
    return [(_number(soft), _number(hard)) for soft, hard, *_ in words]


def make_room(wanted: "Sequence[Limit]") -> None:
    """Raise our hard limits to these as far as we may, and leave the soft ones."""
    for resource, (_, hard) in enumerate(wanted):
        ours = libc.getrlimit(resource)
        if ours[1] < hard:
            try:
                libc.setrlimit(resource, ours[0], hard)
            except OSError:
                pass  # only root of the machine may


def take(wanted: "Sequence[Limit]") -> None:
    """Have these limits from now on, or our own where they are lower.

    Do it last: with little memory, or few files, not much can be done.
    """
    for resource, (soft, hard) in enumerate(wanted):
        _, most = ours = libc.getrlimit(resource)
        limit = min(soft, most), min(hard, most)
        if ours != limit:
            libc.setrlimit(resource, *limit)
            if libc.getrlimit(resource) != limit:  # a filter may say what is not so
                raise PermissionError(f"limit {resource} was not set")


def _number(word: str) -> int:
    return INFINITY if word == "unlimited" else int(word)
