"""The checks of 04-chroot.

A learner's function runs in a child with a user and a mount namespace of its own, and
its rootfs is in memory, on /mnt: whatever goes wrong is gone with the child.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.images import host_tools
from cfslib.isolation import idmaps, mounts, rootfs
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import TreeFlag
from cfslib.lessons import Point, verdict
from cfslib.runtime import init
from cfslib.runtime.errors import CannotExecute

ROOT = Path("/mnt/root")
UP = 100  # more directories than any path here has


def check_fill(fill: Callable[[Path, Path], object]) -> None:
    """Say whether `fill(root, program)` makes a rootfs in which the program runs."""
    verdict(*in_child(lambda: _run_from(fill)), of=("04-chroot", 1))


def check_lock_in(lock_in: Callable[[Path], object]) -> None:
    """Say whether `lock_in(root)` keeps the process that calls it in `root`."""
    verdict(*in_child(lambda: _break_out_of(lock_in)), of=("04-chroot", 2))


def _run_from(fill: Callable[[Path, Path], object]) -> list[Point]:
    idmaps.unshare_as_root(Namespace.MNT)
    mounts.keep_private()
    _protect_the_machine()
    syscalls.mount("tmpfs", "/mnt", "tmpfs")
    ROOT.mkdir()
    # Two programs, because they need different libraries on most machines.
    programs = [_program("sh"), _program("mkdir")]
    for program in programs:
        fill(ROOT, program)
    missing = [program.name for program in programs if not _below(program).exists()]
    code = in_child(lambda: _run([str(programs[0]), "-c", "exit 7"]))
    in_child(lambda: _run([str(programs[1]), "/made"]))
    return [
        Point(
            "the programs are in the rootfs, where they are on this machine",
            not missing,
            "The place of the copy is root / program.relative_to('/').",
        ),
        Point(
            "`sh -c 'exit 7'` runs in it and says 7",
            code == 7,
            "The loader has to come along: the line of ldd without an arrow.",
        ),
        Point(
            "`mkdir /made` makes a directory in it",
            (ROOT / "made").is_dir(),
            "Each program needs its own libraries: ask for those of `program`.",
        ),
    ]


def _break_out_of(lock_in: Callable[[Path], object]) -> list[Point]:
    idmaps.unshare_as_root(Namespace.MNT)
    # As systemd does when a machine starts.
    syscalls.mount(None, "/", flags=MountFlag.REC | MountFlag.SHARED)
    syscalls.mount("tmpfs", "/mnt", "tmpfs")
    (ROOT / "trap").mkdir(parents=True)
    proc = os.open("/proc", os.O_PATH)  # a way to the mount table from anywhere
    root = _identity(ROOT)
    lock_in(ROOT)
    is_root = _identity("/") == root
    targets = _mount_table(proc)
    _climb()
    climbed_to = _identity(".")
    if is_root:
        syscalls.chroot("/trap")
        _climb()
        syscalls.chroot(".")
    return [
        Point(
            "/ is the rootfs",
            is_root,
            "It takes pivot_root and a mount for it: a bind mount is one.",
        ),
        Point(
            "the current directory is in the rootfs",
            climbed_to == root,
            "A new root does not move the current directory: chdir into it.",
        ),
        Point(
            "the escape ends in the rootfs",
            is_root and _identity("/") == root,
            "A chroot leaves the old root one chroot and a few `..` away.",
        ),
        Point(
            "the mount table has one row",
            targets == ["/"],
            "The old root is still mounted: umount2 with UmountFlag.DETACH.",
        ),
    ]


def _protect_the_machine() -> None:
    """Make all mounts read-only, because a slip of a path could overwrite libc."""
    everything = TreeFlag.EMPTY_PATH | TreeFlag.RECURSIVE
    syscalls.mount_setattr(os.open("/", os.O_PATH), everything, MountFlag.RDONLY)


def _program(name: str) -> Path:
    found = host_tools.find(name)
    if found is None:
        raise host_tools.MissingTool(f"not on this machine: {name}")
    return found


def _below(path: Path) -> Path:
    return ROOT / path.relative_to("/")


def _run(argv: Sequence[str]) -> int:
    """Run a program in the rootfs; return its exit code, 127 if it cannot start."""
    rootfs.enter_by_chroot(ROOT)
    try:
        _, status = os.waitpid(init.start(argv), 0)
    except CannotExecute:
        return 127
    return init.shell_code(status)


def _identity(place: str | Path) -> tuple[int, int]:
    found = os.stat(place)
    return found.st_dev, found.st_ino


def _climb() -> None:
    for _ in range(UP):
        os.chdir("..")


def _mount_table(proc: int) -> list[str]:
    """Return the mount points in sight, by a descriptor of an old /proc."""
    with open(os.open("self/mountinfo", os.O_RDONLY, dir_fd=proc)) as file:
        return [mount.target for mount in procfs.parse_mountinfo(file.read())]
