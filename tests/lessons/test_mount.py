"""03-mount: right answers pass, the usual wrong ones do not."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace, inode
from cfslib.kernel import procfs, syscalls
from cfslib.lessons import mount as lesson
from tests.conftest import needs_namespaces, needs_user_namespaces

pytestmark = [needs_namespaces, needs_user_namespaces]

DATA, VIEW = Path("/mnt/data"), Path("/mnt/view")
Look = Callable[[], lesson.World]


def own_mnt() -> None:
    idmaps.unshare_as_root(Namespace.MNT)
    syscalls.mount("tmpfs", "/mnt", "tmpfs")
    DATA.mkdir()


def window() -> None:
    own_mnt()
    VIEW.mkdir()
    mounts.bind(DATA, VIEW)
    mounts.make_read_only(VIEW)


def window_in_one_call() -> None:
    own_mnt()
    VIEW.mkdir()
    syscalls.mount(DATA, VIEW, flags=MountFlag.BIND | MountFlag.RDONLY)


def whole_filesystem_read_only() -> None:
    own_mnt()
    VIEW.mkdir()
    mounts.bind(DATA, VIEW)
    syscalls.mount(None, VIEW, flags=MountFlag.REMOUNT | MountFlag.RDONLY)


def read_only_copy() -> None:
    own_mnt()
    shutil.copytree(DATA, VIEW)
    mounts.bind(VIEW, VIEW)
    mounts.make_read_only(VIEW)


def symbolic_link() -> None:
    own_mnt()
    VIEW.symlink_to(DATA)


def no_namespace() -> None:
    DATA.mkdir()
    VIEW.mkdir()
    mounts.bind(DATA, VIEW)
    mounts.make_read_only(VIEW)


def contained(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    mounts.keep_private()
    return in_child(lambda: with_proc(look))


def leaking(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    return in_child(lambda: with_proc(look))


def without_proc(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    mounts.keep_private()
    return in_child(look)


def without_a_child(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    mounts.keep_private()
    return look()


def on_the_machine(look: Look) -> lesson.World:
    return look()


def forgetful(look: Look) -> None:
    contained(look)


def with_proc(look: Look) -> lesson.World:
    mounts.proc(Path("/proc"))
    return look()


def test_a_read_only_bind_mount_is_a_window(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lesson.check_window(window)

    assert capsys.readouterr().out.endswith("Done.\n")


@pytest.mark.parametrize(
    ("wrong", "missing"),
    [
        (lambda: None, "has a mount namespace"),
        (no_namespace, "has a mount namespace"),
        (window_in_one_call, "says EROFS"),
        (whole_filesystem_read_only, "/mnt/data can be written"),
        (read_only_copy, "is seen in /mnt/view"),
        (symbolic_link, "says EROFS"),
    ],
)
def test_what_is_no_window_is_told_so(
    wrong: Callable[[], None], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson.check_window(wrong)

    assert_open(missing, capsys.readouterr().out)


def test_a_proc_of_its_own_in_a_private_tree_is_contained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lesson.check_contained(contained)

    assert capsys.readouterr().out.endswith("Done.\n")


@pytest.mark.parametrize(
    ("wrong", "missing"),
    [
        (leaking, "still has its own /proc"),
        (without_proc, "no other"),
        (without_a_child, "is PID 1"),
        (on_the_machine, "is PID 1"),
        (forgetful, "is PID 1"),
    ],
)
def test_what_is_not_contained_is_told_so(
    wrong: Callable[[Look], lesson.World],
    missing: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lesson.check_contained(wrong)

    assert_open(missing, capsys.readouterr().out)


def test_the_checks_leave_the_machine_as_it_was() -> None:
    before = inode(Namespace.MNT), procfs.mounts(), os.listdir("/mnt")

    lesson.check_window(no_namespace)
    lesson.check_contained(leaking)

    assert (inode(Namespace.MNT), procfs.mounts(), os.listdir("/mnt")) == before


def assert_open(claim: str, said: str) -> None:
    open_points = [line for line in said.splitlines() if line.startswith("[ ]")]
    assert any(claim in line for line in open_points), said
    assert "Not yet." in said
