"""meter: how much a running container uses, read from outside.

Its cgroup knows: pids.current, memory.current, and in its events how often the kernel
had to say no.  Which group that is, /proc/PID/cgroup says; on cgroup v2 the nearest one
around it that counts.  Where no cgroup limits it, the processes below its PID 1 are
counted.
"""

import os
from pathlib import Path

from cfslib.isolation import cgroups
from cfslib.isolation.cgroups import hierarchies
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.kernel import procfs

_FILES = {  # by version of cgroup: what is in use, how often the kernel said no
    (1, "pids.max"): ("pids.current", "pids.events"),
    (1, "memory.max"): ("memory.usage_in_bytes", "memory.oom_control"),
    (2, "pids.max"): ("pids.current", "pids.events"),
    (2, "memory.max"): ("memory.current", "memory.events"),
}


class Meter:
    """Reads how much a container uses, from outside."""

    def __init__(self, setting: str, note: Path) -> None:
        self._setting, self._note = setting, note
        self._group: Path | None = None
        self.events: dict[str, int] = {}
        try:
            cgroups.plan({setting: "max"})
            self._version = hierarchies.home_of(self._controller).version
            self.enforcer = f"cgroup v{self._version}"
        except CannotLimit:
            self._version = 0
            self.enforcer = "RLIMIT_NPROC"

    @property
    def _controller(self) -> str:
        return self._setting.partition(".")[0]

    def read(self) -> int | None:
        """Return how much is in use; None while there is no container, or no more."""
        try:
            return self._read()
        except OSError as error:
            if not procfs.is_gone(error):
                raise
            return None

    def _read(self) -> int | None:
        pid = _first_process(self._note)
        if pid is None:
            return None
        if not self._version:
            return processes(pid)
        usage, events = _FILES[self._version, self._setting]
        self._group = self._group or group_of(pid, self._controller, usage)
        if self._group is None:
            return None
        lines = (self._group / events).read_text().splitlines()
        self.events = {line.split()[0]: int(line.split()[1]) for line in lines}
        return int((self._group / usage).read_text())


def _first_process(note: Path) -> int | None:
    """Return the pid of PID 1: of the maker's children, the one with two of them."""
    if not note.exists() or not (maker := note.read_text()):
        return None
    for pid in _children(int(maker)):
        if len(procfs.pids_on_each_level(pid)) > len(procfs.pids_on_each_level()):
            return pid
    return None


def group_of(pid: int, controller: str, usage: str) -> Path | None:
    """Return the cgroup that counts a container; None while it is still in ours.

    It has a file of the name `usage`.
    """
    home = hierarchies.home_of(controller)
    ours, theirs = (_place(of, home.version, controller) for of in ("self", pid))
    if ours == theirs:
        return None
    group = Path(os.path.normpath(f"{home.ours}/{os.path.relpath(theirs, ours)}"))
    # On v2 a group has files only for what the one around it hands on.
    return group if (group / usage).exists() else group.parent


def _place(pid: int | str, version: int, controller: str) -> str:
    for entry in procfs.cgroup_entries(pid):
        if entry.hierarchy == 0 if version == 2 else controller in entry.controllers:
            return entry.path
    raise FileNotFoundError(f"no cgroup for {controller}")


def processes(pid: int) -> int:
    """Return how many processes there are: this one, and all that came from it."""
    return 1 + sum(processes(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    return [
        int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ]
