"""processes: find some among all that run here, by what /proc says of them."""

import os
from collections.abc import Iterator
from pathlib import Path

from cfslib.kernel import procfs


def running(argv: list[str]) -> list[tuple[int, int]]:
    """Return (pid, parent's pid) of every process that was started with these words."""
    words = b"".join(word.encode() + b"\0" for word in argv)
    return [
        (pid, int(procfs.status(pid)["PPid"]))
        for pid in _pids()
        if _command_line(pid) == words
    ]


def descendants() -> set[int]:
    """Return the pids of our children, theirs, and so on."""
    parents = {pid: _parent(pid) for pid in _pids()}
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return ours - {os.getpid()}


def mention(text: str) -> bool:
    """Say if some process has this text in its command line."""
    return any(text.encode() in _command_line(pid) for pid in _pids())


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").glob("[0-9]*"))


def _parent(pid: int) -> int:
    try:
        return int(procfs.status(pid)["PPid"])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
