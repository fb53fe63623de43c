"""cpuset: which processors a group may use.

A list such as "0-3,6".  v1 refuses one with a processor that is not there; v2 takes it,
and lets the group use others.  So we look before.
"""

from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.kernel import procfs

_MOST = 8192  # CONFIG_NR_CPUS is never more
_EFFECTIVE = {1: "cpuset.effective_cpus", 2: "cpuset.cpus.effective"}


def numbers(cpus: str) -> "set[int]":
    """Return the processors in a list; raise `ValueError` if it is none.

    >>> numbers("0-2,6")
    {0, 1, 2, 6}
    """
    found: set[int] = set()
    for part in cpus.split(","):
        first, dash, last = part.partition("-")
        if not dash:
            last = first
        if not all(text.isascii() and text.isdigit() for text in (first, last)):
            raise ValueError(f"neither a number nor two with a - between: {part!r}")
        if not int(first) <= int(last) < _MOST:
            raise ValueError(f"from a processor to one before it, or too far: {part!r}")
        found.update(range(int(first), int(last) + 1))
    return found


def check(cpus: str, group: str, version: int) -> None:
    """Raise `CannotLimit` if a group below this one could not use all of these."""
    there = procfs.read(f"{group}/{_EFFECTIVE[version]}").strip()
    if not numbers(cpus) <= numbers(there):
        raise CannotLimit(
            f"cannot have the processors {cpus}: there are {there}",
            "`cat /proc/cpuinfo` says more about each.",
        )
