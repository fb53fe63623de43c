r"""procfs: what the kernel says about processes and mounts, read from /proc.

These are parsers: text in, plain values out, no system call but reading a file.
The format of each file is in proc(5).

    >>> parse_status("Name:\tsh\nNSpid:\t4242\t7\n")["NSpid"]
    '4242\t7'
"""

import errno
import posix
import sys

from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

PROC = "/proc"
_PIECE = 1 << 16  # bytes to read at a time; a table of mounts may be longer
# What the kernel writes in octal, because it separates or begins something; the
# backslash comes last, or it would begin what was never escaped.
_ESCAPED = {f"\\{ord(character):03o}": character for character in " \t\n#\\"}


class Mount(Record):
    """One line of mountinfo: a filesystem, and the place where it is seen."""

    def __init__(
        self,
        id: int,
        parent: int,
        root: str,  # which directory of the filesystem is seen, "/" for all of it
        target: str,
        options: str,  # of this mount: ro, nosuid, nodev, ...
        tags: "tuple[str, ...]",  # propagation: "shared:1", "master:2", none if private
        fstype: str,
        source: str,
        super_options: str,  # of the filesystem behind it
    ) -> None:
        self.id = id
        self.parent = parent
        self.root = root
        self.target = target
        self.options = options
        self.tags = tags
        self.fstype = fstype
        self.source = source
        self.super_options = super_options

    @property
    def propagation(self) -> str:
        """Say in one word where mounts made below this one go."""
        kinds = {tag.partition(":")[0] for tag in self.tags}
        for word, kind in (("shared", "shared"), ("slave", "master")):
            if kind in kinds:
                return word
        return "unbindable" if "unbindable" in kinds else "private"


class CgroupEntry(Record):
    """One line of /proc/PID/cgroup: where a process is in one hierarchy."""

    def __init__(
        self,
        hierarchy: int,  # 0 is cgroup v2
        controllers: "tuple[str, ...]",
        path: str,
    ) -> None:
        self.hierarchy = hierarchy
        self.controllers = controllers
        self.path = path


def mounts(
    pid: "int | str" = "self",
    proc: "str | Path" = PROC,
    fstypes: "Collection[str]" = (),
) -> "list[Mount]":
    """Return the mounts that a process sees, in the order they cover each other.

    All, or those of some kinds of filesystem.
    """
    text = read(f"{proc}/{pid}/mountinfo")
    if fstypes:  # before each line is taken apart: there may be hundreds
        ends = tuple(f" - {fstype} " for fstype in fstypes)
        lines = text.split("\n")
        text = "\n".join([line for line in lines if any(end in line for end in ends)])
    return parse_mountinfo(text)


def parse_mountinfo(text: str) -> "list[Mount]":
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
    if "\\" in field:
        for escape, character in _ESCAPED.items():
            field = field.replace(escape, character)
    return field


def status(pid: "int | str" = "self", proc: "str | Path" = PROC) -> "dict[str, str]":
    """Return /proc/PID/status by field name: "Name", "PPid", "NSpid", "CapEff", ..."""
    return parse_status(read(f"{proc}/{pid}/status"))


def parse_status(text: str) -> "dict[str, str]":
    """Parse the text of /proc/PID/status."""
    pairs = (line.partition(":") for line in text.split("\n") if ":" in line)
    return {name: value.strip() for name, _, value in pairs}


def start_of(pid: "int | str" = "self") -> str:
    """Return when a process started: see `state_and_start`."""
    return state_and_start(pid)[1]


def state_and_start(pid: "int | str" = "self") -> "tuple[str, str]":
    """Return the state of a process, and when it started, in ticks since boot.

    Its pid may be another's some day; both together never are.  Fields 3 and 22 in
    proc_pid_stat(5).  Raise `ProcessLookupError` if there is no such process.
    """
    try:
        fields = read(f"{PROC}/{pid}/stat").rpartition(")")[2].split()
    except FileNotFoundError:
        message = f"there is no process {pid}"
        raise ProcessLookupError(errno.ESRCH, message) from None
    return fields[0], fields[19]


def pids_on_each_level(pid: "int | str" = "self") -> "list[int]":
    """Return the pids of a process, from our own namespace to its innermost one."""
    return [int(number) for number in status(pid)["NSpid"].split()]


def thread_count() -> int:
    """Return how many threads this process has, those of C libraries included."""
    try:
        # As in any directory: one link from above, one from ".", one from each "..".
        return posix.stat("/proc/self/task").st_nlink - 2
    except FileNotFoundError:
        # We have entered a container, and its /proc does not know us.  Only a process
        # with one thread can do that, so there are no others but Python's.
        return len(sys._current_frames())


def cgroup_entries(
    pid: "int | str" = "self", proc: "str | Path" = PROC
) -> "list[CgroupEntry]":
    """Return where a process is in each cgroup hierarchy."""
    return parse_cgroup(read(f"{proc}/{pid}/cgroup"))


def parse_cgroup(text: str) -> "list[CgroupEntry]":
    """Parse the text of /proc/PID/cgroup."""
    entries = []
    for line in text.split("\n"):
        if line:
            hierarchy, controllers, path = line.split(":", 2)
            names = tuple(controllers.split(",")) if controllers else ()
            entries.append(CgroupEntry(int(hierarchy), names, path))
    return entries


def is_gone(error: OSError) -> bool:
    """Say if what was to be read has just ended; a file of a cgroup says ENODEV."""
    return error.errno in (errno.ENOENT, errno.ESRCH, errno.ENODEV)


def read(file: "str | Path") -> str:
    """Return the text of a file in which names of files appear as they are."""
    fd = posix.open(file, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return text_of(fd)
    finally:
        posix.close(fd)


def text_of(fd: int, most: "int | None" = None) -> str:
    """Return the text of a file that is open; refuse one of more bytes than `most`."""
    pieces, length = [], 0
    while piece := posix.read(fd, _PIECE):
        pieces.append(piece)
        length += len(piece)
        if most is not None and length > most:
            raise OSError(errno.EFBIG, posix.strerror(errno.EFBIG))
    # As `os.fsdecode` does it, with carriage returns as they are.
    return b"".join(pieces).decode(sys.getfilesystemencoding(), "surrogateescape")
