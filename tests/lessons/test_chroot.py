"""04-chroot: right answers pass, the usual wrong ones do not, and get a hint."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import host_tools
from cfslib.isolation import idmaps, mounts, rootfs
from cfslib.isolation.mounts import MountFlag, UmountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.lessons import chroot as lesson
from tests.conftest import needs_user_namespaces
from tests.lessons.conftest import assert_not_yet

pytestmark = [needs_user_namespaces]

Fill = Callable[[Path, Path], object]
LockIn = Callable[[Path], object]
RUNS = "it runs"


def nothing(*_: Path) -> None:
    pass


def without_end(*_: Path) -> None:
    while True:
        time.sleep(0.001)


# A rootfs of one's own


def put(file: Path, root: Path, copy: Callable[..., object] = shutil.copy) -> None:
    target = root / file.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    copy(file, target)


def all_of(program: Path) -> list[Path]:
    return [program, *host_tools.libraries([program])]


def with_libraries(root: Path, program: Path) -> None:
    for file in all_of(program):
        put(file, root)


def by_the_library(root: Path, program: Path) -> None:
    host_tools.build(root, [program.name])


def by_the_command(root: Path, program: Path) -> None:
    subprocess.run(["cp", "--parents", *all_of(program), root], check=True)


def alone(root: Path, program: Path) -> None:
    put(program, root)


def libraries_alone(root: Path, program: Path) -> None:
    for file in host_tools.libraries([program]):
        put(file, root)


def without_the_loader(root: Path, program: Path) -> None:
    for file in all_of(program):
        if "ld-" not in file.name:
            put(file, root)


def with_the_loader_only(root: Path, program: Path) -> None:
    for file in all_of(program):
        if file == program or "ld-" in file.name:
            put(file, root)


def always_ls(root: Path, program: Path) -> None:
    found = host_tools.find("ls")
    assert found
    with_libraries(root, found)


def all_in_one_place(root: Path, program: Path) -> None:
    for file in all_of(program):
        shutil.copy(file, root)


def links(root: Path, program: Path) -> None:
    def link(file: Path, target: Path) -> None:
        target.unlink(missing_ok=True)
        target.symlink_to(file)

    for file in all_of(program):
        put(file, root, link)


def not_executable(root: Path, program: Path) -> None:
    for file in all_of(program):
        put(file, root, shutil.copyfile)


def from_the_start(root: Path, program: Path) -> None:
    shutil.rmtree(root)
    with_libraries(root, program)


def directories_once(root: Path, program: Path) -> None:
    (root / program.relative_to("/")).parent.mkdir(parents=True)


def no_directories(root: Path, program: Path) -> None:
    shutil.copy(program, root / program.relative_to("/"))


def onto_itself(root: Path, program: Path) -> None:
    shutil.copy(program, root / program)  # an absolute path: the same as `program`


def on_the_machine_itself(root: Path, program: Path) -> None:
    (root / program).write_bytes(program.read_bytes())


def path_and_text(root: Path, program: Path) -> None:
    shutil.copy(program, root + str(program))  # type: ignore[operator]


def of_one_argument(root: Path) -> None:
    pass


PLACE = "the programs are in the rootfs, where they are on this machine"
SEVEN = "`sh -c 'exit 7'` runs in it and says 7"
NO_ROOTFS: list[tuple[Callable[..., object], str, str]] = [
    (nothing, PLACE, "root / program.relative_to('/')"),
    (libraries_alone, PLACE, "root / program.relative_to('/')"),
    (always_ls, PLACE, "root / program.relative_to('/')"),
    (all_in_one_place, PLACE, "root / program.relative_to('/')"),
    (links, PLACE, "A link leads nowhere"),
    (from_the_start, PLACE, "keep what is there"),
    (alone, SEVEN, "The loader has to come along"),
    (without_the_loader, SEVEN, "The loader has to come along"),
    (not_executable, SEVEN, "It is not executable"),
    (with_the_loader_only, SEVEN, "its own libraries"),
    (directories_once, RUNS, "exist_ok=True"),
    (no_directories, RUNS, "Make the directories on the way"),
    (onto_itself, RUNS, "program.relative_to('/')"),
    (on_the_machine_itself, RUNS, "program.relative_to('/')"),
    (path_and_text, RUNS, "TypeError: "),
    (of_one_argument, RUNS, "takes 1 positional argument"),
    (without_end, RUNS, "time.sleep(0.001)"),
]


@pytest.mark.parametrize("right", [with_libraries, by_the_library, by_the_command])
def test_programs_with_their_libraries_are_a_rootfs(right: Fill) -> None:
    told = lesson.check_fill(right)

    assert told.done, told


@pytest.mark.parametrize(("wrong", "claim", "hint"), NO_ROOTFS)
def test_what_is_no_rootfs_is_told_so(wrong: Fill, claim: str, hint: str) -> None:
    assert_not_yet(lesson.check_fill(wrong), claim, hint)


def test_a_slip_of_a_path_cannot_overwrite_the_machine() -> None:
    told = lesson.check_fill(on_the_machine_itself)

    assert "Read-only file system" in told.hint


# Locked in


def bound(root: Path) -> None:
    mounts.keep_private()
    mounts.bind(root, root)


def pivot_here() -> None:
    syscalls.pivot_root(".", ".")
    syscalls.umount2(".", UmountFlag.DETACH)


def lock_by_hand(root: Path) -> None:
    bound(root)
    syscalls.chdir(root)
    pivot_here()
    syscalls.chdir("/")


def without_the_last_chdir(root: Path) -> None:
    bound(root)
    syscalls.chdir(root)
    pivot_here()


def in_a_table_of_its_own(root: Path) -> None:
    syscalls.unshare(Namespace.MNT)
    lock_by_hand(root)


def in_a_user_namespace(root: Path) -> None:
    idmaps.unshare_as_root(Namespace.MNT)
    mounts.bind(root, root)  # what was shared is a slave here
    rootfs.pivot(root)


def old_root_kept(root: Path) -> None:
    bound(root)
    (root / "old").mkdir()
    syscalls.pivot_root(root, root / "old")
    syscalls.chdir("/")


def old_root_detached(root: Path) -> None:
    old_root_kept(root)
    syscalls.umount2("/old", UmountFlag.DETACH)


def by_descriptors(root: Path) -> None:
    bound(root)
    old, new = os.open("/", os.O_PATH), os.open(root, os.O_PATH)
    os.fchdir(new)
    syscalls.pivot_root(".", ".")
    os.fchdir(old)
    syscalls.umount2(".", UmountFlag.DETACH)
    os.fchdir(new)
    os.close(old)
    os.close(new)


def chroot_alone(root: Path) -> None:
    syscalls.chroot(root)


def chroot_and_chdir(root: Path) -> None:
    syscalls.chroot(root)
    syscalls.chdir("/")


def chroot_to_a_mount(root: Path) -> None:
    bound(root)
    chroot_and_chdir(root)


def in_a_child(root: Path) -> None:
    def locked_in() -> None:
        syscalls.unshare(Namespace.MNT)
        lock_by_hand(root)

    in_child(locked_in)


def never_unmounted(root: Path) -> None:
    bound(root)
    syscalls.chdir(root)
    syscalls.pivot_root(".", ".")
    syscalls.chdir("/")


def without_detach(root: Path) -> None:
    bound(root)
    syscalls.chdir(root)
    syscalls.pivot_root(".", ".")
    syscalls.umount2(".")


def old_root_deleted(root: Path) -> None:
    old_root_kept(root)
    shutil.rmtree("/old")


def still_shared(root: Path) -> None:
    mounts.bind(root, root)
    syscalls.chdir(root)
    pivot_here()


def only_the_root_private(root: Path) -> None:
    syscalls.mount(None, "/", flags=MountFlag.PRIVATE)
    still_shared(root)


def not_bound(root: Path) -> None:
    mounts.keep_private()
    syscalls.chdir(root)
    pivot_here()


def without_chdir(root: Path) -> None:
    bound(root)
    pivot_here()


def chdir_too_soon(root: Path) -> None:
    syscalls.chdir(root)
    bound(root)
    pivot_here()


def outside_by_its_directory(root: Path) -> None:
    outside = os.open("/", os.O_PATH)
    lock_by_hand(root)
    os.fchdir(outside)
    os.close(outside)


def moved_over_it(root: Path) -> None:
    bound(root)
    syscalls.chdir(root)
    syscalls.mount(".", "/", flags=MountFlag.MOVE)
    chroot_and_chdir(Path("."))


def no_place_for_the_old(root: Path) -> None:
    bound(root)
    syscalls.pivot_root(root, root / "old")


def trap_removed(root: Path) -> None:
    chroot_and_chdir(root)
    os.rmdir("/trap")


def a_key_kept(root: Path) -> None:
    os.open("/", os.O_PATH)
    lock_by_hand(root)


def of_no_argument() -> None:
    pass


RIGHT = [
    lock_by_hand,
    without_the_last_chdir,
    in_a_table_of_its_own,
    in_a_user_namespace,
    old_root_detached,
    by_descriptors,
    rootfs.enter,
]
ROOT = "/ is the rootfs"
HERE = "the current directory is in the rootfs"
ESCAPE = "the escape ends in the rootfs"
TABLE = "the mount table has one row"
LOWEST = "there is no other root below it"
KEYS = "no directory outside is kept open"
NOT_LOCKED: list[tuple[Callable[..., object], str, str]] = [
    (nothing, ROOT, "It takes pivot_root"),
    (in_a_child, ROOT, "It takes pivot_root"),
    (chroot_alone, HERE, "chdir into it"),
    (outside_by_its_directory, HERE, "chdir into it"),
    (chroot_and_chdir, ESCAPE, "A chroot leaves the old root"),
    (chroot_to_a_mount, ESCAPE, "A chroot leaves the old root"),
    (never_unmounted, ESCAPE, "on top of the new one: umount2 it"),
    (old_root_kept, TABLE, "umount2 with UmountFlag.DETACH"),
    (trap_removed, ESCAPE, "A chroot leaves the old root"),
    (moved_over_it, LOWEST, "who unmounts `/` is out"),
    (a_key_kept, KEYS, "os.close what you opened"),
    (still_shared, RUNS, "first, `mounts.keep_private()`"),
    (only_the_root_private, RUNS, "first, `mounts.keep_private()`"),
    (not_bound, RUNS, "bind it onto itself"),
    (without_chdir, RUNS, "`chdir(root)`, after the bind mount"),
    (chdir_too_soon, RUNS, "`chdir(root)`, after the bind mount"),
    (no_place_for_the_old, RUNS, "a directory has to be: mkdir it"),
    (without_detach, RUNS, "with DETACH it goes all the same"),
    (old_root_deleted, RUNS, "Read-only file system"),
    (of_no_argument, RUNS, "takes 0 positional arguments"),
    (without_end, RUNS, "time.sleep(0.001)"),
]


@pytest.mark.parametrize("right", RIGHT)
def test_pivot_root_locks_in(right: LockIn) -> None:
    told = lesson.check_lock_in(right)

    assert told.done, told


@pytest.mark.parametrize(("wrong", "claim", "hint"), NOT_LOCKED)
def test_what_does_not_lock_in_is_told_so(wrong: LockIn, claim: str, hint: str) -> None:
    assert_not_yet(lesson.check_lock_in(wrong), claim, hint)


# What is left


def test_the_checks_leave_the_machine_as_it_was() -> None:
    before = procfs.mounts(), rootfs_of_us(), os.getcwd(), os.listdir("/proc/self/fd")

    lesson.check_fill(alone)
    lesson.check_lock_in(chroot_and_chdir)

    after = procfs.mounts(), rootfs_of_us(), os.getcwd(), os.listdir("/proc/self/fd")
    assert after == before


def rootfs_of_us() -> tuple[int, int]:
    return os.stat("/").st_dev, os.stat("/").st_ino
