"""The checks of 04-chroot.

A learner's function runs in a child that is root of namespaces of its own.  Its rootfs
is in memory, on /mnt, and all other mounts are read-only: whatever goes wrong is gone
with the child.
"""

import errno
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.images import host_tools
from cfslib.isolation import mounts, rootfs
from cfslib.isolation.mounts import MountFlag, UmountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.procfs import Mount
from cfslib.kernel.syscalls import TreeFlag
from cfslib.lessons import Point, exercise
from cfslib.lessons.guard import Stumbled
from cfslib.lessons.mount import as_root_of_a_machine
from cfslib.runtime import init
from cfslib.runtime.errors import CannotExecute

ROOT = Path("/mnt/root")
ROOM = "size=256m"  # for a whole /usr it is too small, and our memory would be, too
UP = 100  # more directories than any path here has

_THE_MACHINES = (
    "That is the machine's own file.  A path that begins with `/` stays as it is when "
    "it comes after `root /`: make it `program.relative_to('/')`."
)
# What is in an error, and what usually leads to it.
_SLIPS = {
    "Read-only file system": _THE_MACHINES,
    "are the same file": _THE_MACHINES,
    "File exists": "`fill` is called twice, with the same `root`: `exist_ok=True`.",
    f"No such file or directory: '{ROOT}": (
        "Make the directories on the way: `mkdir(parents=True, exist_ok=True)`."
    ),
}


@exercise("04-chroot", 1)
def check_fill(fill: Callable[[Path, Path], object]) -> list[Point]:
    """Look if `fill(root, program)` makes a rootfs in which the program runs."""
    return as_root_of_a_machine(lambda: _run_from(fill))


def _run_from(fill: Callable[[Path, Path], object]) -> list[Point]:
    mounts.keep_private()
    _protect_the_machine()
    _make_room()
    # Two programs, because they need different libraries on most machines.
    shell, mkdir = programs = [_program("sh"), _program("mkdir")]
    for program in programs:
        _fill(fill, program)
    missing = [program for program in programs if not _is_there(program)]
    code = in_child(lambda: _run([str(shell), "-c", "exit 7"]))
    made = in_child(lambda: _run([str(mkdir), "/made"]))
    return [
        Point(
            "the programs are in the rootfs, where they are on this machine",
            not missing,
            _where_it_goes(missing),
        ),
        Point(
            "`sh -c 'exit 7'` runs in it and says 7", code == 7, _what_it_lacks(code)
        ),
        Point(
            "`mkdir /made` makes a directory in it",
            (ROOT / "made").is_dir(),
            _what_it_lacks(made),
        ),
    ]


def _fill(fill: Callable[[Path, Path], object], program: Path) -> None:
    """Let the learner fill the rootfs; add to an error what usually leads to it."""
    try:
        fill(ROOT, program)
    except Stumbled as error:
        known = (advice for said, advice in _SLIPS.items() if said in error.said)
        error.hints = (*error.hints, *known)
        raise


def _where_it_goes(missing: Sequence[Path]) -> str:
    if any(_below(program).is_symlink() for program in missing):
        return "A link leads nowhere as soon as the root has changed: copy the file."
    if len(missing) == 1:
        return f"{missing[0]} is missing: keep what is there, and add to it."
    nothing = "" if any(ROOT.iterdir()) else "Nothing has been copied.  "
    return f"{nothing}The place of the copy is `root / program.relative_to('/')`."


def _what_it_lacks(code: int) -> str:
    if code == -errno.EACCES:
        return "It is not executable.  `shutil.copy` keeps that, `copyfile` does not."
    if code == -errno.ENOENT:
        return "The loader has to come along: the line of ldd without an arrow."
    return "Each program needs its own libraries: ask for those of `program`."


@exercise("04-chroot", 2)
def check_lock_in(lock_in: Callable[[Path], object]) -> list[Point]:
    """Look if `lock_in(root)` keeps the process that calls it in `root`."""
    return as_root_of_a_machine(lambda: _break_out_of(lock_in))


def _break_out_of(lock_in: Callable[[Path], object]) -> list[Point]:
    _protect_the_machine()
    # As systemd does when a machine starts.
    syscalls.mount(None, "/", flags=MountFlag.REC | MountFlag.SHARED)
    _make_room()
    (ROOT / "trap").mkdir()
    root, proc = _identity(ROOT), os.open("/proc/self", os.O_PATH)
    before = _directories(proc)
    _lock_in(lock_in, proc)
    is_root = _identity("/") == root
    is_inside = is_root and _is_inside()
    targets = [mount.target for mount in _mounts(proc)]
    kept = _directories(proc) - before
    _climb()
    if is_root:
        os.makedirs("/trap", exist_ok=True)
        syscalls.chroot("/trap")
        _climb()
        syscalls.chroot(".")
    is_back = is_root and _identity("/") == root
    return [
        Point(
            "/ is the rootfs",
            is_root,
            "It takes pivot_root and a mount for it: a bind mount is one.",
        ),
        Point(
            "the current directory is in the rootfs",
            is_inside,
            "A new root does not move the current directory: chdir into it.",
        ),
        Point(
            "the escape ends in the rootfs",
            is_back,
            "The old root is still there, on top of the new one: umount2 it."
            if len(targets) > 1
            else "A chroot leaves the old root one chroot and a few `..` away.",
        ),
        Point(
            "the mount table has one row",
            targets == ["/"],
            "The old root is still mounted: umount2 with UmountFlag.DETACH.",
        ),
        Point(
            "there is no other root below it",
            is_back and _is_the_lowest(root, proc),
            "The old root is only covered, and who unmounts `/` is out.  `pivot_root` "
            "exchanges the two, so that you can unmount the old one.",
        ),
        Point(
            "no directory outside is kept open",
            not kept,
            "A descriptor needs no path: os.close what you opened.",
        ),
    ]


def _is_the_lowest(root: tuple[int, int], proc: int) -> bool:
    """Take the root mount away and enter our namespace anew; say if nothing changed."""
    with suppress(OSError):  # the lowest cannot be taken away
        syscalls.umount2("/", UmountFlag.DETACH)
    syscalls.setns(os.open("ns/mnt", os.O_RDONLY, dir_fd=proc), Namespace.MNT)
    return _identity("/") == root


def _lock_in(lock_in: Callable[[Path], object], proc: int) -> None:
    """Let the learner lock us in; say of a pivot_root that was refused which rule."""
    try:
        lock_in(ROOT)
    except Stumbled as error:
        if error.said.startswith("[Errno 22] pivot_root"):
            error.hints = (_broken_rule(proc),)
        if error.said.startswith("[Errno 2] pivot_root"):
            error.hints = ("Where the old root goes, a directory has to be: mkdir it.",)
        raise


def _broken_rule(proc: int) -> str:
    """Return what is wrong with the new root."""
    table = {mount.target: mount for mount in _mounts(proc)}
    if str(ROOT) not in table:
        return "`root` is no mount point yet: bind it onto itself."
    if table[str(ROOT)].propagation == "shared":
        return "`root` is shared: first, `mounts.keep_private()`."
    return "`.` is where the process stands: `chdir(root)`, after the bind mount."


def _make_room() -> None:
    syscalls.mount("tmpfs", "/mnt", "tmpfs", options=ROOM)
    ROOT.mkdir()


def _protect_the_machine() -> None:
    """Make all mounts read-only, because a slip of a path could overwrite libc."""
    everything = TreeFlag.EMPTY_PATH | TreeFlag.RECURSIVE
    syscalls.mount_setattr(os.open("/", os.O_PATH), everything, MountFlag.RDONLY)
    # All but /proc, where the maps of a user namespace are written.
    options = [m.options.split(",") for m in procfs.mounts() if m.target == "/proc"]
    had = [flag for flag in MountFlag if str(flag).lower() in options[-1]]
    kept = sum(flag for flag in had if flag != MountFlag.RDONLY)
    syscalls.mount(None, "/proc", flags=MountFlag.REMOUNT | MountFlag.BIND | kept)


def _program(name: str) -> Path:
    found = host_tools.find(name)
    if found is None:
        raise host_tools.MissingTool(f"not on this machine: {name}")
    return found


def _below(path: Path) -> Path:
    return ROOT / path.relative_to("/")


def _is_there(program: Path) -> bool:
    """Say if a program is a file for those whose root is the rootfs."""

    def look() -> bool:
        rootfs.enter_by_chroot(ROOT)
        return program.is_file()

    return in_child(look)


def _run(argv: Sequence[str]) -> int:
    """Run a program in the rootfs; return its exit code, or errno below 0."""
    rootfs.enter_by_chroot(ROOT)
    try:
        _, status = os.waitpid(init.start(argv), 0)
    except CannotExecute as error:
        return -(error.errno or errno.ENOENT)
    return init.shell_code(status)


def _identity(place: str | Path) -> tuple[int, int]:
    found = os.stat(place)
    return found.st_dev, found.st_ino


def _is_inside() -> bool:
    """Say if a path leads from our root to our current directory."""
    try:
        return os.getcwd().startswith("/")
    except FileNotFoundError:
        return False


def _climb() -> None:
    for _ in range(UP):
        os.chdir("..")


def _mounts(proc: int) -> list[Mount]:
    """Return the mounts in sight, by a descriptor of our directory in /proc."""
    with open(os.open("mountinfo", os.O_RDONLY, dir_fd=proc)) as file:
        return procfs.parse_mountinfo(file.read())


def _directories(proc: int) -> set[str]:
    """Return the numbers of our descriptors that stand for directories."""
    listing = os.open("fd", os.O_RDONLY, dir_fd=proc)
    try:
        names = set(os.listdir(listing)) - {str(listing)}
    finally:
        os.close(listing)
    return {name for name in names if _is_directory(int(name))}


def _is_directory(descriptor: int) -> bool:
    try:
        return stat.S_ISDIR(os.fstat(descriptor).st_mode)
    except OSError:  # it was there for the listing only
        return False
