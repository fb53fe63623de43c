"""The checks of notebook 05 know right answers from wrong ones."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cfslib.images import host_tools
from cfslib.isolation import idmaps, limits, mounts, rootfs
from cfslib.isolation.limits import Limits
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.lessons import cfs_run
from tests.conftest import needs_namespaces, needs_user_namespaces

pytestmark = [needs_namespaces, needs_user_namespaces]

Run = Callable[[Sequence[str], int], int]


def with_a_layer(root: Path) -> None:
    rootfs.layer(root)
    mount_what_it_needs(root)
    rootfs.pivot(root)


def mount_what_it_needs(root: Path) -> None:
    syscalls.mount("proc", root / "proc", "proc")
    syscalls.mount("/dev/null", root / "dev/null", flags=MountFlag.BIND)


def without_a_layer(root: Path) -> None:
    mounts.bind(root, root)
    mount_what_it_needs(root)
    rootfs.pivot(root)


def without_a_proc(root: Path) -> None:
    rootfs.layer(root)
    rootfs.pivot(root)


def with_the_proc_of_the_host(root: Path) -> None:
    rootfs.layer(root)
    mounts.bind("/proc", root / "proc")
    rootfs.pivot(root)


def by_chroot(root: Path) -> None:
    rootfs.layer(root)
    mount_what_it_needs(root)
    rootfs.enter_by_chroot(root)


def read_only(root: Path) -> None:
    rootfs.layer(root)
    mount_what_it_needs(root)
    rootfs.pivot(root)
    mounts.make_read_only("/")


def not_at_all(root: Path) -> None:
    pass


@pytest.fixture
def limited(tmp_path: Path) -> Run:
    """Return the right answer to exercise 2."""
    run = in_box(tmp_path)

    def call(argv: Sequence[str], most: int) -> int:
        with limits.enforced(Limits(pids_max=most), counted_alone=True) as join:
            return run(argv, join)

    return call


def in_box(root: Path) -> Callable[[Sequence[str], Callable[[], None]], int]:
    """Return the program of the notebook, which calls something as PID 1."""
    host_tools.build(root, ["sh", "sleep", "timeout"])
    (root / "dev/null").touch()

    def run(argv: Sequence[str], join: Callable[[], None]) -> int:
        idmaps.unshare_as_root(Namespace.UTS | Namespace.PID | Namespace.MNT)
        pid = os.fork()
        if pid == 0:
            try:
                join()
                mounts.keep_private()
                without_a_layer(root)
                os.execvpe(argv[0], list(argv), {"PATH": host_tools.PATH})
            finally:
                os._exit(125)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)

    return run


def test_a_layer_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    cfs_run.check_layer(with_a_layer)

    assert capsys.readouterr().out.endswith("Done.\n")


@pytest.mark.parametrize(
    "answer",
    [
        without_a_layer,
        without_a_proc,
        with_the_proc_of_the_host,
        by_chroot,
        read_only,
        not_at_all,
    ],
)
def test_a_root_that_keeps_or_leaks_is_refused(
    answer: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    cfs_run.check_layer(answer)

    assert "Not yet." in capsys.readouterr().out


def test_an_answer_that_fails_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    cfs_run.check_layer(lambda root: syscalls.pivot_root(root, root))
    said = capsys.readouterr().out

    assert "pivot_root" in said
    assert "Not yet." in said


def test_a_limit_is_accepted(limited: Run, capsys: pytest.CaptureFixture[str]) -> None:
    cfs_run.check_limited(limited)

    assert capsys.readouterr().out.endswith("Done.\n")


def test_no_limit_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = in_box(tmp_path)
    cfs_run.check_limited(lambda argv, most: run(argv, lambda: None))

    assert "Not yet." in capsys.readouterr().out


def test_a_limit_that_is_always_the_same_is_refused(
    limited: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    cfs_run.check_limited(lambda argv, most: limited(argv, 5))

    assert "Not yet." in capsys.readouterr().out


def test_a_program_whose_exit_code_is_lost_is_refused(
    limited: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    cfs_run.check_limited(lambda argv, most: limited(argv, most) and 0)

    assert "Not yet." in capsys.readouterr().out


def test_the_bomb_is_counted_by_its_numbers() -> None:
    assert cfs_run.started("1\n2\nsh: 1: Cannot fork\n") == 2
