"""03-mount: right answers pass, the usual wrong ones do not, and get a hint."""

import os
import shutil
import subprocess
import time
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
from tests.lessons.conftest import assert_not_yet

pytestmark = [needs_namespaces, needs_user_namespaces]

DATA, VIEW = Path("/mnt/data"), Path("/mnt/view")
Look = Callable[[], lesson.World]


# A window


def two_directories() -> None:
    idmaps.unshare_as_root(Namespace.MNT)
    syscalls.mount("tmpfs", "/mnt", "tmpfs")
    DATA.mkdir()
    VIEW.mkdir()


def window() -> None:
    two_directories()
    mounts.bind(DATA, VIEW)
    mounts.make_read_only(VIEW)


def another_tmpfs_on_data() -> None:
    two_directories()
    syscalls.mount("tmpfs", DATA, "tmpfs")
    mounts.bind(DATA, VIEW)
    mounts.make_read_only(VIEW)


def by_the_command() -> None:
    two_directories()
    subprocess.run(["mount", "-o", "bind,ro", DATA, VIEW], check=True)


def all_in_a_child() -> None:
    in_child(window)


def no_namespace() -> None:
    DATA.mkdir()
    VIEW.mkdir()
    mounts.bind(DATA, VIEW)
    mounts.make_read_only(VIEW)


def no_tmpfs() -> None:
    idmaps.unshare_as_root(Namespace.MNT)
    no_namespace()


def tmpfs_over_all() -> None:
    no_tmpfs()
    syscalls.mount("tmpfs", "/mnt", "tmpfs")


def in_one_call() -> None:
    two_directories()
    syscalls.mount(DATA, VIEW, flags=MountFlag.BIND | MountFlag.RDONLY)


def whole_filesystem_read_only() -> None:
    two_directories()
    mounts.bind(DATA, VIEW)
    syscalls.mount(None, VIEW, flags=MountFlag.REMOUNT | MountFlag.RDONLY)


def the_wrong_way_round() -> None:
    two_directories()
    mounts.bind(VIEW, DATA)
    mounts.make_read_only(DATA)


def no_remount() -> None:
    two_directories()
    mounts.bind(DATA, VIEW)
    VIEW.chmod(0o555)


def read_only_copy() -> None:
    two_directories()
    shutil.copytree(DATA, VIEW, dirs_exist_ok=True)
    mounts.bind(VIEW, VIEW)
    mounts.make_read_only(VIEW)


def read_only_tmpfs() -> None:
    two_directories()
    syscalls.mount("tmpfs", VIEW, "tmpfs", MountFlag.RDONLY)


def symbolic_link() -> None:
    two_directories()
    VIEW.rmdir()
    VIEW.symlink_to(DATA)


def no_directories() -> None:
    idmaps.unshare_as_root(Namespace.MNT)
    syscalls.mount("tmpfs", "/mnt", "tmpfs")
    mounts.bind(DATA, VIEW)


def not_bound() -> None:
    two_directories()
    mounts.make_read_only(VIEW)


def without_flags() -> None:
    two_directories()
    syscalls.mount(DATA, VIEW)


def words_for_flags() -> None:
    two_directories()
    syscalls.mount(DATA, VIEW, "bind,ro")


def without_end() -> None:
    while True:
        time.sleep(0.001)


def nothing() -> None:
    pass


def in_words() -> str:
    return "EROFS"


def that_wants_something(place: Path) -> None:
    pass


def path_and_text() -> None:
    two_directories()
    mounts.bind(DATA, VIEW + "/note")  # type: ignore[operator]


def tried_out() -> None:
    window()
    (VIEW / "note").touch()


WINDOWS = [window, another_tmpfs_on_data, by_the_command]

NAMESPACE = "the process has a mount namespace of its own"
TMPFS = "/mnt is a new filesystem in memory"
WRITABLE = "/mnt/data can be written"
SEEN = "what is written there is seen in /mnt/view"
EROFS = "writing through /mnt/view says EROFS"
RUNS = "it runs"
NO_WINDOWS: list[tuple[Callable[..., object], str, str]] = [
    (nothing, NAMESPACE, "First of all"),
    (in_words, NAMESPACE, "First of all"),
    (no_namespace, NAMESPACE, "First of all"),
    (all_in_a_child, NAMESPACE, "without `in_child`"),
    (no_tmpfs, TMPFS, "Mount a tmpfs on /mnt"),
    (tmpfs_over_all, WRITABLE, "a mount covers what was there"),
    (whole_filesystem_read_only, WRITABLE, "the flag BIND"),
    (the_wrong_way_round, WRITABLE, "the source comes first"),
    (read_only_copy, SEEN, "A copy would not follow"),
    (read_only_tmpfs, SEEN, "bind /mnt/data on it"),
    (in_one_call, EROFS, "a second call"),
    (no_remount, EROFS, "a second call"),
    (symbolic_link, EROFS, "a second call"),
    (no_directories, RUNS, "mkdir it, after the mounts that would cover it"),
    (not_bound, RUNS, "not a mount point"),
    (without_flags, RUNS, "neither bound nor with a type"),
    (words_for_flags, RUNS, "BIND and RDONLY are flags"),
    (without_end, RUNS, "time.sleep(0.001)"),
    (that_wants_something, RUNS, "missing 1 required positional argument"),
    (path_and_text, RUNS, "TypeError: "),
    (tried_out, RUNS, "So it should be!"),
]


@pytest.mark.parametrize("right", WINDOWS)
def test_a_read_only_bind_mount_is_a_window(right: Callable[[], None]) -> None:
    told = lesson.check_window(right)

    assert told.done, told


@pytest.mark.parametrize(("wrong", "claim", "hint"), NO_WINDOWS)
def test_what_is_no_window_is_told_so(
    wrong: Callable[[], object], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_window(wrong), claim, hint)


# A /proc without an accident


def with_proc(look: Look) -> lesson.World:
    mounts.proc("/proc")
    return look()


def contained(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    mounts.keep_private()
    return in_child(lambda: with_proc(look))


def private_in_the_child(look: Look) -> lesson.World:
    def first() -> lesson.World:
        mounts.keep_private()
        return with_proc(look)

    syscalls.unshare(Namespace.MNT | Namespace.PID)
    return in_child(first)


def slave(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    syscalls.mount(None, "/", flags=MountFlag.REC | MountFlag.SLAVE)
    return in_child(lambda: with_proc(look))


def by_a_user_namespace(look: Look) -> lesson.World:
    idmaps.unshare_as_root(Namespace.MNT | Namespace.PID)
    return in_child(lambda: with_proc(look))


def wholly_in_a_child(look: Look) -> lesson.World:
    return in_child(lambda: contained(look))


def leaking(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    return in_child(lambda: with_proc(look))


def private_too_late(look: Look) -> lesson.World:
    def first() -> lesson.World:
        mounts.proc("/proc")
        mounts.keep_private()
        return look()

    syscalls.unshare(Namespace.MNT | Namespace.PID)
    return in_child(first)


def private_too_soon(look: Look) -> lesson.World:
    mounts.keep_private()
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    return in_child(lambda: with_proc(look))


def only_the_root_private(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    syscalls.mount(None, "/", flags=MountFlag.PRIVATE)
    return in_child(lambda: with_proc(look))


def only_proc_private(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    syscalls.mount(None, "/proc", flags=MountFlag.PRIVATE)
    return in_child(lambda: with_proc(look))


def without_mnt(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.PID)
    mounts.keep_private()
    return in_child(lambda: with_proc(look))


def without_pid(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT)
    mounts.keep_private()
    return in_child(lambda: with_proc(look))


def without_proc(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    mounts.keep_private()
    return in_child(look)


def proc_before_the_child(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    mounts.keep_private()
    mounts.proc("/proc")
    return in_child(look)


def without_a_child(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    mounts.keep_private()
    return with_proc(look)


def in_a_second_child(look: Look) -> lesson.World:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    mounts.keep_private()
    return in_child(lambda: in_child(lambda: with_proc(look)))


def on_the_machine(look: Look) -> lesson.World:
    return look()


def forgetful(look: Look) -> None:
    contained(look)


def not_called(look: Look) -> Look:
    return look


def called_too_soon(look: Look) -> object:
    syscalls.unshare(Namespace.MNT | Namespace.PID)
    return in_child(look())  # type: ignore[arg-type]


def that_returns_nothing(look: Look) -> None:
    pass


def a_number(look: Look) -> int:
    return 1


def that_wants_no_look() -> None:
    pass


def waiting_for_ever(look: Look) -> None:
    without_end()


CONTAINED = [contained, private_in_the_child, slave, by_a_user_namespace]

RETURNED = "it returns what look() said"
PID_1 = "inside, the process is PID 1"
ALONE = "/proc shows that process and no other"
KEPT = "the machine still has its own /proc"
INSIDE = "no mount made inside reaches the machine"
SHARED = "the machine's / is shared, as before"
NOT_CONTAINED: list[tuple[Callable[..., object], str, str]] = [
    (that_returns_nothing, RETURNED, "`return` what look() says"),
    (a_number, RETURNED, "`return` what look() says"),
    (forgetful, RETURNED, "`return` what look() says"),
    (not_called, RETURNED, "With brackets it is called"),
    (on_the_machine, PID_1, "the first child is PID 1"),
    (without_a_child, PID_1, "the first child is PID 1"),
    (in_a_second_child, PID_1, "the first child is PID 1"),
    (without_pid, PID_1, "Unshare PID"),
    (without_proc, ALONE, "mounts a fresh proc"),
    (proc_before_the_child, ALONE, "mounts a fresh proc"),
    (leaking, KEPT, "who else sees `/`"),
    (private_too_late, KEPT, "who else sees `/`"),
    (only_the_root_private, KEPT, "all that is mounted below"),
    (without_mnt, KEPT, "unshare MNT as well"),
    (only_proc_private, INSIDE, "`mounts.keep_private()`"),
    (private_too_soon, SHARED, "unshare MNT first"),
    (called_too_soon, RUNS, "'World' object is not callable"),
    (that_wants_no_look, RUNS, "takes 0 positional arguments"),
    (waiting_for_ever, RUNS, "time.sleep(0.001)"),
]


@pytest.mark.parametrize("right", [*CONTAINED, wholly_in_a_child])
def test_a_proc_of_its_own_that_does_not_leak_is_contained(
    right: Callable[[Look], lesson.World],
) -> None:
    told = lesson.check_contained(right)

    assert told.done, told


@pytest.mark.parametrize(("wrong", "claim", "hint"), NOT_CONTAINED)
def test_what_is_not_contained_is_told_so(
    wrong: Callable[[Look], object], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_contained(wrong), claim, hint)


def test_proc_without_a_pid_namespace_is_refused_with_a_hint() -> None:
    def mount_it() -> None:
        idmaps.unshare_as_root(Namespace.MNT | Namespace.PID)
        mounts.proc("/proc")

    with pytest.raises(PermissionError) as caught:
        in_child(mount_it)

    assert "begins with the next child" in caught.value.__notes__[0]


def test_a_uid_that_is_not_in_the_namespace_is_refused_with_a_hint() -> None:
    def mount_it() -> None:
        idmaps.unshare_as_root(Namespace.MNT)
        syscalls.mount("tmpfs", "/mnt", "tmpfs", options="uid=1000")

    with pytest.raises(OSError, match="Invalid argument") as caught:
        in_child(mount_it)

    assert "takes no uid= or gid=" in caught.value.__notes__[0]


# What is left


def test_the_checks_leave_the_machine_as_it_was() -> None:
    before = inode(Namespace.MNT), procfs.mounts(), os.listdir("/mnt")

    lesson.check_window(no_namespace)
    lesson.check_contained(leaking)

    assert (inode(Namespace.MNT), procfs.mounts(), os.listdir("/mnt")) == before


def test_what_an_answer_leaves_running_ends_with_the_check() -> None:
    reader, writer = os.pipe()

    def window_with_a_guest() -> None:
        window()
        subprocess.Popen(["sleep", "60"], pass_fds=[writer])

    told = lesson.check_window(window_with_a_guest)
    os.close(writer)

    assert told.done
    assert os.read(reader, 1) == b"", "somebody still has the other end"
    os.close(reader)
