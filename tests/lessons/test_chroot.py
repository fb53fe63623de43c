"""04-chroot: right answers pass, the usual wrong ones do not."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.images import host_tools
from cfslib.isolation import mounts, rootfs
from cfslib.isolation.mounts import UmountFlag
from cfslib.kernel import procfs, syscalls
from cfslib.lessons import chroot as lesson
from tests.conftest import needs_user_namespaces

pytestmark = [needs_user_namespaces]

Fill = Callable[[Path, Path], None]


def put(file: Path, root: Path) -> None:
    target = root / file.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


def with_libraries(root: Path, program: Path) -> None:
    for file in [program, *host_tools.libraries([program])]:
        put(file, root)


def alone(root: Path, program: Path) -> None:
    put(program, root)


def with_the_loader_only(root: Path, program: Path) -> None:
    put(program, root)
    for library in host_tools.libraries([program]):
        if "ld-" in library.name:
            put(library, root)


def on_the_machine_itself(root: Path, program: Path) -> None:
    target = root / program  # an absolute path: the same as `program`
    target.write_bytes(program.read_bytes())


def lock_by_hand(root: Path) -> None:
    mounts.keep_private()
    mounts.bind(root, root)
    syscalls.chdir(root)
    syscalls.pivot_root(".", ".")
    syscalls.umount2(".", UmountFlag.DETACH)
    syscalls.chdir("/")


def chroot_alone(root: Path) -> None:
    syscalls.chroot(root)


def chroot_and_chdir(root: Path) -> None:
    syscalls.chroot(root)
    syscalls.chdir("/")


def old_root_kept(root: Path) -> None:
    mounts.keep_private()
    mounts.bind(root, root)
    (root / "old").mkdir()
    syscalls.pivot_root(root, root / "old")
    syscalls.chdir("/")


def outside_by_its_directory(root: Path) -> None:
    mounts.keep_private()
    mounts.bind(root, root)
    outside = os.open("/", os.O_PATH)
    rootfs.pivot(root)
    os.fchdir(outside)


def test_programs_with_their_libraries_are_a_rootfs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lesson.check_fill(with_libraries)

    assert capsys.readouterr().out.endswith("Done.\n")


@pytest.mark.parametrize(
    ("wrong", "missing"),
    [
        (lambda root, program: None, "are in the rootfs"),
        (alone, "says 7"),
        (with_the_loader_only, "makes a directory"),
    ],
)
def test_what_is_no_rootfs_is_told_so(
    wrong: Fill, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson.check_fill(wrong)

    assert_open(missing, capsys.readouterr().out)


def test_a_slip_of_a_path_cannot_overwrite_the_machine() -> None:
    with pytest.raises(OSError, match="Read-only file system"):
        lesson.check_fill(on_the_machine_itself)


@pytest.mark.parametrize("right", [lock_by_hand, rootfs.enter])
def test_pivot_root_locks_in(
    right: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    lesson.check_lock_in(right)

    assert capsys.readouterr().out.endswith("Done.\n")


@pytest.mark.parametrize(
    ("wrong", "missing"),
    [
        (lambda root: None, "/ is the rootfs"),
        (chroot_alone, "the current directory"),
        (chroot_and_chdir, "the escape"),
        (old_root_kept, "one row"),
        (outside_by_its_directory, "the current directory"),
    ],
)
def test_what_does_not_lock_in_is_told_so(
    wrong: Callable[[Path], None], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson.check_lock_in(wrong)

    assert_open(missing, capsys.readouterr().out)


def test_the_checks_leave_the_machine_as_it_was() -> None:
    before = procfs.mounts(), rootfs_of_us(), os.getcwd()

    lesson.check_fill(alone)
    lesson.check_lock_in(chroot_and_chdir)

    assert (procfs.mounts(), rootfs_of_us(), os.getcwd()) == before


def rootfs_of_us() -> tuple[int, int]:
    return os.stat("/").st_dev, os.stat("/").st_ino


def assert_open(claim: str, said: str) -> None:
    open_points = [line for line in said.splitlines() if line.startswith("[ ]")]
    assert any(claim in line for line in open_points), said
    assert "Not yet." in said
