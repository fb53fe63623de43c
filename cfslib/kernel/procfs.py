r"""procfs: what the kernel says about processes and mounts, read from /proc.

These are parsers: text in, plain values out, no system call but reading a file.
The format of each file is in proc(5).

    >>> parse_status("Name:\tsh\nNSpid:\t4242\t7\n")["NSpid"]
    '4242\t7'
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo: a filesystem, and the place where it is seen."""

    id: int
    parent: int
    root: str  # which directory of the filesystem is seen, "/" for all of it
    target: str
    options: str  # of this mount: ro, nosuid, nodev, ...
    tags: tuple[str, ...]  # propagation: "shared:1", "master:2", none if private
    fstype: str
    source: str
    super_options: str  # of the filesystem behind it

    @property
    def propagation(self) -> str:
        """Say in one word where mounts made below this one go."""
        kinds = {tag.partition(":")[0] for tag in self.tags}
        for word, kind in (("shared", "shared"), ("slave", "master")):
            if kind in kinds:
                return word
        return "unbindable" if "unbindable" in kinds else "private"


@dataclass(frozen=True)
class CgroupEntry:
    """One line of /proc/PID/cgroup: where a process is in one hierarchy."""

    hierarchy: int  # 0 is cgroup v2
    controllers: tuple[str, ...]
    path: str


def mounts(pid: int | str = "self", proc: Path = PROC) -> list[Mount]:
    """Return the mounts that a process sees, in the order they cover each other."""
    return parse_mountinfo(_read(proc / str(pid) / "mountinfo"))


def parse_mountinfo(text: str) -> list[Mount]:
    """Parse the text of /proc/PID/mountinfo."""
    # Not splitlines(): a mount point may hold any character but NUL and newline,
    # and splitlines() would break at a form feed or a Unicode line separator.
    return [_parse_mount(line) for line in text.split("\n") if line]


def _parse_mount(line: str) -> Mount:
    fields = line.split(" ")
    end = fields.index("-", 6)  # the tags before it vary in number
    fstype, source, super_options = fields[end + 1 : end + 4]
    return Mount(
        id=int(fields[0]),
        parent=int(fields[1]),
        root=unescape(fields[3]),
        target=unescape(fields[4]),
        options=fields[5],
        tags=tuple(fields[6:end]),
        fstype=fstype,
        source=unescape(source),
        super_options=super_options,
    )


def unescape(field: str) -> str:
    r"""Undo the kernel's octal escapes for space, tab, newline and backslash.

    >>> unescape(r"/my\040disk")
    '/my disk'
    """
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def status(pid: int | str = "self", proc: Path = PROC) -> dict[str, str]:
    """Return /proc/PID/status by field name: "Name", "PPid", "NSpid", "CapEff", ..."""
    return parse_status(_read(proc / str(pid) / "status"))


def parse_status(text: str) -> dict[str, str]:
    """Parse the text of /proc/PID/status."""
    pairs = (line.partition(":") for line in text.split("\n") if ":" in line)
    return {name: value.strip() for name, _, value in pairs}


def pids_on_each_level(pid: int | str = "self") -> list[int]:
    """Return the pids of a process, from our own namespace to its innermost one."""
    return [int(number) for number in status(pid)["NSpid"].split()]


def thread_count() -> int:
    """Return how many threads this process has, those of C libraries included."""
    # As in any directory: one link from above, one from ".", one from each "..".
    return os.stat("/proc/self/task").st_nlink - 2


def cgroup_entries(pid: int | str = "self", proc: Path = PROC) -> list[CgroupEntry]:
    """Return where a process is in each cgroup hierarchy."""
    return parse_cgroup(_read(proc / str(pid) / "cgroup"))


def parse_cgroup(text: str) -> list[CgroupEntry]:
    """Parse the text of /proc/PID/cgroup."""
    entries = []
    for line in text.split("\n"):
        if line:
            hierarchy, controllers, path = line.split(":", 2)
            names = tuple(controllers.split(",")) if controllers else ()
            entries.append(CgroupEntry(int(hierarchy), names, path))
    return entries


def _read(file: Path) -> str:
    """Return the text of a file in which names of files appear as they are."""
    # Not read_text(): it would turn a carriage return into the end of a line.
    return os.fsdecode(file.read_bytes())
