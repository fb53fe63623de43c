"""inhabitants: the processes of a container, with the pids that they have inside."""

import os
from collections.abc import Iterator

from cfslib.isolation import namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from cfslib.kernel.record import Record

_TICKS = os.sysconf("SC_CLK_TCK")


class Inhabitant(Record):
    """One process."""

    def __init__(
        self, pid: int, inside: int, parent: int, uid: int, seconds: float, line: str
    ) -> None:
        self.pid = pid  # out here
        self.inside = inside
        self.parent = parent  # out here
        self.uid = uid  # out here
        self.seconds = seconds  # of a processor
        self.line = line  # its command line


def of(pid1: int, namespace: int) -> list[Inhabitant]:
    """Return all processes of the container whose PID 1 this is, in order.

    `namespace` is the inode of its PID namespace: PID 1 itself is hidden from its user.
    """
    level = len(procfs.pids_on_each_level(pid1)) - 1
    statuses = dict(_deeper_than(level))
    ours = {pid for pid in statuses if pid == pid1 or _is_in(pid, namespace)}
    while (
        more := {pid for pid in statuses if int(statuses[pid]["PPid"]) in ours} - ours
    ):
        ours |= more  # those in namespaces below it
    found = (
        _inhabitant(pid, level, statuses[pid]) for pid in sorted(ours & {*statuses})
    )
    return [one for one in found if one]


def _deeper_than(level: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the status of each process that is in a PID namespace of this level."""
    for entry in os.listdir(procfs.PROC):
        if entry.isdecimal():
            try:
                status = procfs.status(entry)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            if len(status.get("NSpid", "").split()) > level:
                yield int(entry), status


def _is_in(pid: int, namespace: int) -> bool:
    try:
        return namespaces.inode(Namespace.PID, pid) == namespace
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False  # it has ended, or is hidden


def _inhabitant(pid: int, level: int, status: dict[str, str]) -> Inhabitant | None:
    try:
        fields = procfs.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        words = procfs.read(f"/proc/{pid}/cmdline").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    line = " ".join(words).strip() or f"[{status['Name']}]"
    inside, uid = int(status["NSpid"].split()[level]), int(status["Uid"].split()[0])
    seconds = sum(map(int, fields[11:13])) / _TICKS
    return Inhabitant(pid, inside, int(status["PPid"]), uid, seconds, line)
