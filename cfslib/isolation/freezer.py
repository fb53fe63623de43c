"""freezer: hold all processes of a group still, and let them go on.

    v2   cgroup.freeze in every group
    v1   freezer.state in a tree of its own

No process sees it, and none can refuse, as with SIGSTOP.  On v1 a frozen process does
not even end: so whoever kills one lets it go on.
"""

import posix
import time

from cfslib.kernel import procfs, syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

V2, V1 = "cgroup.freeze", "freezer.state"
_WORDS = {V2: ("0", "1"), V1: ("THAWED", "FROZEN")}
PATIENCE = 10  # seconds until all are held, which takes as long as their calls take


def is_frozen(groups: "Sequence[str]") -> bool:
    """Say if what is in these groups is held, or about to be."""
    try:
        return any(
            procfs.read(file).strip() != _WORDS[kind][0]
            for file, kind in _switches(groups)
        )
    except OSError:
        return False  # it is gone


def freeze(groups: "Sequence[str]") -> None:
    """Hold all that is in these groups; return when nothing moves."""
    switches = _switches(groups)
    if not switches:
        raise PermissionError("no cgroup of it can be frozen")
    file, kind = switches[0]
    end = time.monotonic() + PATIENCE
    syscalls.write(file, _WORDS[kind][1])
    while not _is_still(file, kind):
        if time.monotonic() > end:
            syscalls.write(file, _WORDS[kind][0])
            raise TimeoutError(f"some process did not stand still within {PATIENCE} s")
        time.sleep(0.002)


def thaw(groups: "Sequence[str]") -> None:
    """Let it go on; it is no harm if it was not held, or has ended."""
    for file, kind in _switches(groups):
        try:
            syscalls.write(file, _WORDS[kind][0])
        except OSError as error:
            if not procfs.is_gone(error):
                raise


def _switches(groups: "Sequence[str]") -> "list[tuple[str, str]]":
    """Return the files by which these groups are held, and their names; v2 is first."""
    return [
        (f"{group}/{kind}", kind)
        for kind in (V2, V1)
        for group in groups
        if posix.access(f"{group}/{kind}", posix.W_OK)
    ]


def _is_still(file: str, kind: str) -> bool:
    if kind == V1:
        return procfs.read(file).strip() == "FROZEN"
    events = procfs.read(f"{file.removesuffix(V2)}cgroup.events").split()
    return events[events.index("frozen") + 1] == "1"
