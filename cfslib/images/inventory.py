"""inventory: what is in a rootfs, and what programs will look for in vain.

A rootfs is a directory, so looking into it is all there is to it.

    >>> [lack.name for lack in lacks(Path("/nowhere"))][0]
    'sh'
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cfslib.images import host_tools, needs
from cfslib.images.needs import Need


@dataclass(frozen=True)
class Directory:
    """What one of the directories at the top holds, with all below it."""

    name: str
    link: str | None  # where it leads if it is a symbolic link
    files: int
    links: int
    size: int  # bytes, as the files say


@dataclass(frozen=True)
class Lack:
    """Something that is not there, and who will miss it."""

    name: str
    path: Path
    missed_by: str


@dataclass(frozen=True)
class Look:
    """A rootfs as one program would find it."""

    need: Need
    directories: list[Directory]
    lacks: list[Lack]


_EXPECTED = (
    ("sh", "/bin/sh", "scripts, and whoever wants to look around"),
    (
        "a mount point for proc",
        "/proc",
        "ps, top, and everything that asks about itself",
    ),
    ("a mount point for sys", "/sys", "what asks about devices and networks"),
    ("a mount point for dev", "/dev", "whoever writes to /dev/null"),
    ("names for user ids", "/etc/passwd", "ls -l, whoami, --user NAME"),
    ("a place for temporary files", "/tmp", "sort, editors, here-documents of sh"),
)


def look(program: str, root: Path) -> Look:
    """Look for a program and all that it needs; named as in a shell, or by path."""
    if not program.strip():
        raise ValueError("which program?")
    place = Path(program)
    if "/" not in program:
        # Where this machine has it is where a rootfs of its programs has it.
        place = host_tools.find(program) or Path("/usr/bin", program)
    need = needs.of(Path("/", place), root)
    return Look(need, directories(root), lacks(root))


def directories(root: Path) -> list[Directory]:
    """Return what is at the top of a rootfs, by name."""
    return [_directory(entry) for entry in sorted(root.iterdir())]


def lacks(root: Path) -> list[Lack]:
    """Return what programs expect of a rootfs, and is not there."""
    return [
        Lack(name, Path(path), missed_by)
        for name, path, missed_by in _EXPECTED
        if needs.resolve(root, Path(path)) is None
    ]


def _directory(top: Path) -> Directory:
    if top.is_symlink():
        return Directory(top.name, str(top.readlink()), 0, 0, 0)
    files = links = size = 0
    for place in _below(top):
        status = place.lstat()
        links += stat.S_ISLNK(status.st_mode)
        if stat.S_ISREG(status.st_mode):
            files += 1
            size += status.st_size
    return Directory(top.name, None, files, links, size)


def _below(top: Path) -> list[Path]:
    if not top.is_dir():
        return [top]
    return [
        Path(directory, name) for directory, _, names in os.walk(top) for name in names
    ]
