"""The checks of notebook 05 know right answers from wrong ones."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import host_tools
from cfslib.isolation import idmaps, limits, mounts, rootfs
from cfslib.isolation.limits import Limits
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.lessons import cfs_run, guard
from cfslib.observe import sightings
from cfslib.runtime import run as runtime
from cfslib.runtime.spec import Spec
from tests.conftest import needs_namespaces, needs_root, needs_user_namespaces
from tests.lessons.conftest import assert_not_yet

pytestmark = [needs_namespaces, needs_user_namespaces]

BOX = Namespace.UTS | Namespace.PID | Namespace.MNT
Join = Callable[[], None]
WRITTEN = Path(cfs_run.WRITTEN)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = WRITTEN.exists()
    yield

    assert WRITTEN.exists() == before, "a check wrote into the host's root"
    alive = [s for s in sightings.below(os.getpid()) if s.state != "Z"]
    assert not [seen for seen in alive if seen.name in ("sleep", "sh")]


# Exercise 1, right


def with_a_layer(root: Path) -> None:
    rootfs.layer(root)
    mount_what_it_needs(root)
    rootfs.pivot(root)


def mount_what_it_needs(root: Path) -> None:
    syscalls.mount("proc", root / "proc", "proc")
    syscalls.mount("/dev/null", root / "dev/null", flags=MountFlag.BIND)


def bound_before_or_after(root: Path) -> None:
    mounts.bind(root, root)
    rootfs.layer(root)
    mounts.bind(root, root)
    mount_what_it_needs(root)
    rootfs.pivot(root)


def with_more_mounts(root: Path) -> None:
    rootfs.layer(root)
    mount_what_it_needs(root)
    syscalls.mount("tmp", root / cfs_run.MARK, "tmpfs")
    rootfs.pivot(root)


def in_a_namespace_of_its_own(root: Path) -> None:
    syscalls.unshare(Namespace.MNT)
    with_a_layer(root)


def by_hand(root: Path) -> None:
    rootfs.layer(root)
    mount_what_it_needs(root)
    os.chdir(root)
    (root / "old").mkdir()
    syscalls.pivot_root(".", "old")
    os.chdir("/")
    syscalls.umount2("/old", mounts.UmountFlag.DETACH)
    os.rmdir("/old")


RIGHT_LAYERS = [
    with_a_layer,
    bound_before_or_after,
    with_more_mounts,
    in_a_namespace_of_its_own,
    by_hand,
]


@pytest.mark.parametrize("answer", RIGHT_LAYERS)
def test_a_layer_is_accepted(answer: Callable[[Path], None]) -> None:
    verdict = cfs_run.check_layer(answer)

    assert verdict.done, verdict


# Exercise 1, wrong


def without_a_layer(root: Path) -> None:
    mounts.bind(root, root)
    mount_what_it_needs(root)
    rootfs.pivot(root)


def without_a_proc(root: Path) -> None:
    rootfs.layer(root)
    rootfs.pivot(root)


def without_a_device(root: Path) -> None:
    rootfs.layer(root)
    syscalls.mount("proc", root / "proc", "proc")
    rootfs.pivot(root)


def with_a_proc_below_the_layer(root: Path) -> None:
    mount_what_it_needs(root)
    rootfs.layer(root)
    rootfs.pivot(root)


def with_the_proc_of_the_host(root: Path) -> None:
    rootfs.layer(root)
    mounts.bind("/proc", root / "proc")
    rootfs.pivot(root)


def with_a_proc_too_late(root: Path) -> None:
    rootfs.layer(root)
    rootfs.pivot(root)
    syscalls.mount("proc", "/proc", "proc")


def by_chroot(root: Path) -> None:
    rootfs.layer(root)
    mount_what_it_needs(root)
    rootfs.enter_by_chroot(root)


def all_but_umount(root: Path) -> None:
    rootfs.layer(root)
    mount_what_it_needs(root)
    syscalls.chdir(root)
    syscalls.pivot_root(".", ".")
    syscalls.chdir("/")


def with_the_old_root_at_a_place(root: Path) -> None:
    rootfs.layer(root)
    mount_what_it_needs(root)
    (root / "old").mkdir()
    syscalls.pivot_root(root, root / "old")
    os.chdir("/")


def with_a_directory_left(root: Path) -> None:
    (root / "old").mkdir()
    with_a_layer(root)


def in_a_child_of_its_own(root: Path) -> None:
    in_child(lambda: with_a_layer(root))  # our directory is still one of the host's


def read_only(root: Path) -> None:
    with_a_layer(root)
    mounts.make_read_only("/")


def an_empty_tmpfs(root: Path) -> None:
    syscalls.mount("tmpfs", root, "tmpfs")
    mount_what_it_needs(root)
    rootfs.pivot(root)


def the_layer_only(root: Path) -> None:
    rootfs.layer(root)


def another_directory(root: Path) -> None:
    with_a_layer(Path("/usr"))


def not_at_all(root: Path) -> None:
    pass


def no_arguments() -> None:
    pass


def a_name_that_is_not_there(root: Path) -> None:
    layer(root)  # type: ignore[name-defined]  # noqa: F821


def pivot_without_a_mount(root: Path) -> None:
    syscalls.pivot_root(root, root)


def without_end(root: Path) -> None:
    while True:
        time.sleep(0.01)


def ends_the_process(root: Path) -> None:
    os._exit(0)


WRONG_LAYERS = [
    (without_a_layer, "rootfs.layer(root) covers"),
    (without_a_proc, "Mount a new one below the root"),
    (without_a_device, "Bind the host's"),
    (with_a_proc_below_the_layer, "after the layer, which would cover it"),
    (with_the_proc_of_the_host, "Mount a new one"),
    (with_a_proc_too_late, "fully visible outer /proc"),
    (by_chroot, "pivot_root swaps the roots"),
    (all_but_umount, "umount2 takes the old one away"),
    (with_the_old_root_at_a_place, "umount2 takes the old one away"),
    (in_a_child_of_its_own, 'chdir("/") leaves it'),
    (with_a_directory_left, "rootfs.layer(root) covers"),
    (read_only, "nothing has to be read-only"),
    (an_empty_tmpfs, "does not exist: mkdir it"),
    (the_layer_only, "Take the steps of change_root"),
    (another_directory, ""),
    (not_at_all, "Take the steps of change_root"),
    (no_arguments, "takes 0 positional arguments but 1 was given"),
    (a_name_that_is_not_there, "name 'layer' is not defined"),
    (pivot_without_a_mount, "the new root must be a mount point"),
    (ends_the_process, "the child ended without an answer"),
    (42, "is no function"),
]


@pytest.mark.parametrize(("answer", "hint"), WRONG_LAYERS)
def test_a_root_that_keeps_or_leaks_is_refused(answer: Any, hint: str) -> None:
    assert_not_yet(cfs_run.check_layer(answer), "", hint)


# Exercise 2, right


class Lesson:
    """What a learner has made by then: the program of the notebook."""

    def __init__(self, root: Path) -> None:
        host_tools.build(root, ["sh", "sleep", "timeout"])
        (root / "dev/null").touch()
        self.root = root

    def become(self, argv: Any) -> None:
        """Turn into the program."""
        mounts.keep_private()
        without_a_layer(self.root)
        os.execvpe(argv[0], list(argv), {"PATH": host_tools.PATH})

    def run(self, argv: Any, join: Join = lambda: None) -> int:
        """Run it, with a step more in the child."""
        return os.waitstatus_to_exitcode(self.status(argv, join))

    def status(self, argv: Any, join: Join = lambda: None) -> int:
        """Run it, and return what `waitpid` says."""
        idmaps.unshare_as_root(BOX)
        pid = os.fork()
        if pid == 0:
            try:
                join()
                self.become(argv)
            finally:
                os._exit(125)
        return os.waitpid(pid, 0)[1]


def under(most: int) -> limits.enforced:
    return limits.enforced(Limits(pids_max=most), counted_alone=True)


@pytest.fixture(scope="session")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    return Lesson(tmp_path_factory.mktemp("lesson"))


def under_a_limit(lesson: Lesson, argv: Any, most: int) -> int:
    with under(most) as join:
        return lesson.run(argv, join)


def with_a_child_more(lesson: Lesson, argv: Any, most: int) -> int:
    with under(most) as join:
        return in_child(lambda: lesson.run(argv, join))


RIGHT_LIMITS = [under_a_limit, with_a_child_more]


@pytest.mark.parametrize("answer", RIGHT_LIMITS)
def test_a_limit_is_accepted(lesson: Lesson, answer: Any) -> None:
    verdict = cfs_run.check_limited(lambda argv, most: answer(lesson, argv, most))

    assert verdict.done, verdict


# Exercise 2, wrong


def no_limit(lesson: Lesson, argv: Any, most: int) -> int:
    return lesson.run(argv)


def not_called(lesson: Lesson, argv: Any, most: int) -> int:
    with under(most) as join:
        return lesson.run(argv, lambda: print(join))


def over_before_it_begins(lesson: Lesson, argv: Any, most: int) -> int:
    with under(most) as join:
        pass
    return lesson.run(argv, join)


def after_the_fork(lesson: Lesson, argv: Any, most: int) -> int:
    with under(most):
        return lesson.run(argv)


def always_ten(lesson: Lesson, argv: Any, most: int) -> int:
    return under_a_limit(lesson, argv, 10)


def always_five(lesson: Lesson, argv: Any, most: int) -> int:
    return under_a_limit(lesson, argv, 5)


def in_addition_to_pid_1(lesson: Lesson, argv: Any, most: int) -> int:
    return under_a_limit(lesson, argv, most + 2)


def nothing_returned(lesson: Lesson, argv: Any, most: int) -> None:
    under_a_limit(lesson, argv, most)


def the_status(lesson: Lesson, argv: Any, most: int) -> int:
    with under(most) as join:
        return lesson.status(argv, join)


def always_0(lesson: Lesson, argv: Any, most: int) -> int:
    return under_a_limit(lesson, argv, most) and 0


def a_mistake_in_the_child(lesson: Lesson, argv: Any, most: int) -> int:
    return lesson.run(argv, lambda: joyn())  # type: ignore[name-defined]  # noqa: F821


def on_the_host(lesson: Lesson, argv: Any, most: int) -> int:
    return subprocess.run(argv).returncode


def by_cfs_run(lesson: Lesson, argv: Any, most: int) -> int:
    limit = Limits(pids_max=most)
    return runtime.run(Spec(argv, limits=limit, rootfs=lesson.root))


def without_a_promise(lesson: Lesson, argv: Any, most: int) -> int:
    with limits.enforced(Limits(pids_max=most)) as join:  # type: ignore[call-arg]
        return lesson.run(argv, join)


def another_name(lesson: Lesson, argv: Any, most: int) -> int:
    with limits.enforced(Limits(pids=most), counted_alone=True) as join:  # type: ignore[call-arg]
        return lesson.run(argv, join)


def a_child_without_end(lesson: Lesson, argv: Any, most: int) -> int:
    return lesson.run(argv, lambda: time.sleep(99))


WRONG_LIMITS = [
    (no_limit, "The child calls join(), with its parentheses"),
    (not_called, "The child calls join(), with its parentheses"),
    (after_the_fork, "The child calls join()"),
    (always_ten, "The limit is `most` itself"),
    (always_five, "Pass the number on"),
    (in_addition_to_pid_1, "pids_max counts PID 1, too"),
    (nothing_returned, "return the exit code"),
    (the_status, "os.waitstatus_to_exitcode"),
    (always_0, "It was 0, not 7"),
    (a_mistake_in_the_child, "125 means that a step failed in the child"),
    (on_the_host, "Take the steps of `run`"),
    (by_cfs_run, "Take the steps of `run`"),
    (without_a_promise, "missing 1 required keyword-only argument: 'counted_alone'"),
    (another_name, "did you mean 'pids_max'?"),
]


@pytest.mark.parametrize(("answer", "hint"), WRONG_LIMITS)
def test_a_limit_that_does_not_hold_is_refused(
    lesson: Lesson, answer: Any, hint: str
) -> None:
    told = cfs_run.check_limited(lambda argv, most: answer(lesson, argv, most))

    assert_not_yet(told, "", hint)


def test_an_answer_without_end_is_ended(
    lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "SECONDS", 1)
    layer = cfs_run.check_layer(without_end)
    limit = cfs_run.check_limited(lambda argv, m: a_child_without_end(lesson, argv, m))

    assert "it had not ended" in layer.hint
    assert "it had not ended" in limit.hint


@needs_root  # others have no group that ends with its processes
def test_a_parent_under_the_limit_hears_what_is_wrong(lesson: Lesson) -> None:
    def limited(argv: Any, most: int) -> int:
        with under(most) as join:
            join()
            return lesson.run(argv)

    assert "The parent has to stay free" in cfs_run.check_limited(limited).hint


def not_unshared(lesson: Lesson, argv: Any, most: int) -> int:
    with under(most) as join:
        pid = os.fork()
        if pid == 0:
            try:
                join()
                lesson.become(argv)
            finally:
                os._exit(125)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_an_answer_that_forgets_to_unshare_changes_no_root_but_its_own(
    lesson: Lesson,
) -> None:
    def done_here() -> bool:
        if os.geteuid() == 0:  # or a check that fails to shield would ruin the host
            syscalls.unshare(Namespace.MNT)
            mounts.keep_private()
        verdict = cfs_run.check_limited(
            lambda argv, most: not_unshared(lesson, argv, most)
        )
        assert Path(__file__).exists(), "we are in the root of the answer"
        return verdict.done

    assert not in_child(done_here)


@needs_root  # for others it is a number that the child carries, and so it holds
def test_a_limit_that_is_over_is_refused(lesson: Lesson) -> None:
    answer = over_before_it_begins

    assert not cfs_run.check_limited(lambda argv, most: answer(lesson, argv, most)).done


def test_the_bomb_is_counted_by_its_numbers() -> None:
    assert cfs_run.started("1\n2\nsh: 1: Cannot fork\n") == 2
