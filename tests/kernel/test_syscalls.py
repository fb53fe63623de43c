"""Every wrapper, and what the kernel says about it afterwards."""

import os
import re
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import mounts, namespaces
from cfslib.isolation.mounts import MountFlag, UmountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from tests.conftest import (
    in_own_mounts,
    is_alive,
    needs_namespaces,
    needs_root,
    own_world,
    wait_until,
)

SYS_TIME = 25


def hint(call: Callable[[], object]) -> str:
    """Make a call in a child as nobody in particular; return the hint it gets."""

    def refused() -> None:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        call()

    with pytest.raises(OSError) as caught:  # noqa: PT011, the caller looks at the text
        in_child(refused)
    return f"{caught.value.strerror}; {caught.value.__notes__[0]}"


# What each call does


@needs_namespaces
def test_unshare_gives_us_a_namespace_of_our_own() -> None:
    def other_inode() -> int:
        own_world(Namespace.UTS)
        return namespaces.inode(Namespace.UTS)

    assert in_child(other_inode) != namespaces.inode(Namespace.UTS)


@needs_namespaces
def test_a_hostname_set_inside_stays_inside() -> None:
    before = socket.gethostname()

    def rename() -> str:
        own_world(Namespace.UTS)
        syscalls.sethostname("inside")
        return socket.gethostname()

    assert in_child(rename) == "inside"
    assert socket.gethostname() == before


@needs_namespaces
def test_clone_makes_a_child_elsewhere_and_leaves_us_where_we_are() -> None:
    def parent() -> tuple[bool, int]:
        own_world(0)
        before = namespaces.snapshot()
        reader, writer = os.pipe()
        pid = syscalls.clone(Namespace.PID | Namespace.UTS)
        if pid == 0:
            os.write(writer, str(os.getpid()).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        return namespaces.snapshot() == before, int(os.read(reader, 10))

    assert in_child(parent) == (True, 1)


@needs_root
def test_clone_has_a_child_that_is_born_in_a_cgroup(tmp_path: Path) -> None:
    def born() -> bool:
        syscalls.mount("cgroup2", tmp_path, "cgroup2")
        group = tmp_path / f"cfs-test-{os.getpid()}"
        group.mkdir()
        cgroup = syscalls.open_path(group)
        reader, writer = os.pipe()
        pid = syscalls.clone(0, cgroup)
        if pid == 0:
            os.read(reader, 1)
            os._exit(0)
        members = (group / "cgroup.procs").read_text()
        os.write(writer, b"!")
        os.waitpid(pid, 0)
        group.rmdir()
        return members == f"{pid}\n"

    assert in_own_mounts(born)


def test_clone_tells_python_that_it_has_forked() -> None:
    def child_of_clone() -> int:
        seen = []
        os.register_at_fork(after_in_child=lambda: seen.append(os.getpid()))
        pid = syscalls.clone(0)
        if pid == 0:
            os._exit(0 if seen == [os.getpid()] else 1)
        return os.waitpid(pid, 0)[1]

    assert in_child(child_of_clone) == 0


@needs_namespaces
def test_setns_moves_us_into_the_namespace_of_a_file() -> None:
    def there_and_back() -> tuple[bool, bool]:
        own_world(Namespace.UTS)
        first = os.open(namespaces.link(Namespace.UTS), os.O_RDONLY)
        before = namespaces.inode(Namespace.UTS)
        syscalls.unshare(Namespace.UTS)
        away = namespaces.inode(Namespace.UTS) != before
        syscalls.setns(first, Namespace.UTS)
        return away, namespaces.inode(Namespace.UTS) == before

    assert in_child(there_and_back) == (True, True)


@needs_namespaces
def test_mount_shows_a_filesystem_and_umount2_takes_it_away(tmp_path: Path) -> None:
    def mount_and_unmount() -> list[bool]:
        own_world(Namespace.MNT)
        seen = [tmp_path.is_mount()]
        syscalls.mount("name", tmp_path, "tmpfs", MountFlag.NODEV, "size=64k")
        seen.append(tmp_path.is_mount())
        syscalls.umount2(tmp_path)
        return [*seen, tmp_path.is_mount()]

    assert in_child(mount_and_unmount) == [False, True, False]


@needs_namespaces
def test_the_flags_and_options_of_a_mount_arrive(tmp_path: Path) -> None:
    def mounted() -> procfs.Mount:
        own_world(Namespace.MNT)
        syscalls.mount("name", tmp_path, "tmpfs", MountFlag.NOEXEC, "size=64k")
        return procfs.mounts()[-1]

    mount = in_child(mounted)

    assert (mount.source, mount.target, mount.fstype) == (
        "name",
        str(tmp_path),
        "tmpfs",
    )
    assert "noexec" in mount.options
    assert "size=64k" in mount.super_options


@needs_namespaces
def test_pivot_root_swaps_the_root(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()

    def pivot() -> tuple[list[str], bool]:
        own_world(Namespace.MNT)
        mounts.bind(tmp_path, tmp_path)
        syscalls.chdir(tmp_path)
        syscalls.pivot_root(".", "old")
        return os.listdir("/"), os.path.isdir("/old/proc")

    assert in_child(pivot) == (["old"], True)


@needs_namespaces
def test_chroot_moves_the_start_of_paths(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    def listed() -> list[str]:
        own_world(0)
        syscalls.chroot(tmp_path)
        return os.listdir("/")

    assert in_child(listed) == ["file"]


def test_chdir_moves_the_start_of_relative_paths(tmp_path: Path) -> None:
    def moved() -> str:
        syscalls.chdir(tmp_path)
        return os.getcwd()

    assert in_child(moved) == str(tmp_path)


def test_prctl_gives_us_another_name() -> None:
    def renamed() -> str:
        syscalls.prctl(Prctl.SET_NAME, "another")
        return Path("/proc/self/comm").read_text()

    assert in_child(renamed) == "another\n"


def test_prctl_sends_a_signal_when_our_parent_ends() -> None:
    def leave_a_child() -> int:
        ready, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
            os.write(writer, b"!")
            signal.pause()
        os.read(ready, 1)
        return pid

    left = in_child(leave_a_child)

    assert wait_until(lambda: not is_alive(left))


def test_prctl_hides_us_from_our_equals() -> None:
    def dumpable_owner() -> int:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        syscalls.prctl(Prctl.SET_DUMPABLE, 0)
        return os.stat("/proc/self/environ").st_uid

    assert in_child(dumpable_owner) == 0


def test_prctl_makes_us_adopt_the_orphans_among_our_descendants() -> None:
    def adopt() -> bool:
        syscalls.prctl(Prctl.SET_CHILD_SUBREAPER, 1)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            grandchild = os.fork()
            if grandchild == 0:
                os.read(reader, 1)
                os._exit(0)
            os.write(writer, b"!")
            os._exit(0)
        os.waitpid(child, 0)
        orphan, _ = os.waitpid(-1, 0)
        return orphan != child

    assert in_child(adopt)


def test_prctl_takes_two_values_where_there_are_two() -> None:
    is_set = 1  # PR_CAP_AMBIENT_IS_SET
    with syscalls.trace() as calls:
        syscalls.prctl(Prctl.CAP_AMBIENT, is_set, 0)

    assert str(calls[0]).startswith("prctl(CAP_AMBIENT, 1, 0) = ")
    with pytest.raises(OSError, match=r"CAP_AMBIENT, 1, 99"):
        syscalls.prctl(Prctl.CAP_AMBIENT, is_set, 99)


@needs_root
def test_prctl_drops_a_capability_for_good() -> None:
    def bounds() -> int:
        syscalls.prctl(Prctl.CAPBSET_DROP, SYS_TIME)
        return int(procfs.status()["CapBnd"], 16)

    assert not in_child(bounds) >> SYS_TIME & 1


@needs_namespaces
def test_capset_sets_all_three_sets() -> None:
    def sets() -> list[str]:
        own_world(Namespace.UTS)
        syscalls.capset(effective=1, permitted=1 << 39 | 3, inheritable=2)
        status = procfs.status()
        return [status[name].lstrip("0") for name in ("CapEff", "CapPrm", "CapInh")]

    assert in_child(sets) == ["1", "8000000003", "2"]


@needs_root
def test_setuid_and_setgid_make_us_somebody_else_for_good() -> None:
    def become() -> tuple[str, str]:
        syscalls.setgid(54322)
        syscalls.setuid(54321)
        status = procfs.status()
        return status["Uid"], status["Gid"]

    uids, gids = in_child(become)

    assert set(uids.split()) == {"54321"}  # real, effective, saved, filesystem
    assert set(gids.split()) == {"54322"}


def test_write_writes_text_in_one_go(tmp_path: Path) -> None:
    (tmp_path / "limit").touch()

    syscalls.write(tmp_path / "limit", "20")

    assert (tmp_path / "limit").read_text() == "20"


def test_write_makes_no_file_that_the_kernel_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"write\("):
        syscalls.write(tmp_path / "limit", "20")

    assert not (tmp_path / "limit").exists()


def test_posix_spawn_starts_a_program() -> None:
    def exit_status() -> int:
        pid = syscalls.posix_spawn(["sh", "-c", "exit 7"], {})
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert in_child(exit_status) == 7


# Refusals


@pytest.mark.parametrize(
    ("call", "text", "advice"),
    [
        (lambda: syscalls.unshare(Namespace.NET), "unshare(NET)", "Namespace.USER"),
        (lambda: syscalls.clone(Namespace.UTS), "clone(UTS)", "Namespace.USER"),
        (lambda: syscalls.chroot("/"), 'chroot("/")', "Namespace.USER"),
        (lambda: syscalls.sethostname("x"), 'sethostname("x")', "UTS namespace"),
        (
            lambda: syscalls.mount("x", "/", "tmpfs"),
            'mount("x", "/"',
            "mount namespace",
        ),
        (
            lambda: syscalls.setns(os.pidfd_open(os.getpid()), Namespace.UTS),
            "UTS)",
            "user namespace",
        ),
        (
            lambda: syscalls.posix_spawn(["/no"], {}),
            'posix_spawn(["/no"])',
            "program",
        ),
        (
            lambda: syscalls.posix_spawn(["/etc"], {}),
            'posix_spawn(["/etc"])',
            "execut",
        ),
    ],
    ids=[
        "unshare",
        "clone",
        "chroot",
        "sethostname",
        "mount",
        "setns",
        "no-program",
        "no-executable",
    ],
)
def test_a_refusal_says_what_to_do_about_it(
    call: Callable[[], object], text: str, advice: str
) -> None:
    told = hint(call)

    assert text in told
    assert advice in told


@needs_namespaces
@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda place: syscalls.mount("x", place / "no", "tmpfs"), "mkdir"),
        (lambda place: syscalls.mount("x", place, "no such"), "/proc/filesystems"),
        (lambda place: syscalls.umount2(place), "not a mount point"),
        (lambda place: syscalls.pivot_root(place, place), "mount point"),
        (lambda _: syscalls.sethostname("x" * 65), "64 bytes"),
        (lambda _: syscalls.write("/proc/self/gid_map", "0 0 1"), "one write each"),
    ],
    ids=["no-place", "no-filesystem", "no-mount", "pivot-root", "hostname", "gid-map"],
)
def test_roots_mistakes_get_a_hint_too(
    call: Callable[[Path], object], advice: str, tmp_path: Path
) -> None:
    def mistake() -> None:
        own_world(Namespace.MNT | Namespace.UTS)
        call(tmp_path)

    with pytest.raises(OSError) as caught:  # noqa: PT011, the kernel has many kinds
        in_child(mistake)
    assert advice in caught.value.__notes__[0]


def test_a_process_with_threads_is_told_to_send_a_child() -> None:
    def with_threads() -> None:
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        try:
            syscalls.unshare(Namespace.USER)
        finally:
            done.set()
            thread.join()

    with pytest.raises(OSError, match=r"unshare\(USER\)") as caught:
        in_child(with_threads)
    assert "in_child" in caught.value.__notes__[0]


def test_a_mount_that_is_in_use_is_not_taken_away(tmp_path: Path) -> None:
    def busy() -> None:
        own_world(Namespace.MNT)
        syscalls.mount("x", tmp_path, "tmpfs")
        syscalls.chdir(tmp_path)
        syscalls.umount2(tmp_path)

    with pytest.raises(OSError, match="busy") as caught:
        in_child(busy)
    assert "in use" in caught.value.__notes__[0]


@needs_namespaces
def test_a_mount_that_is_in_use_can_be_detached(tmp_path: Path) -> None:
    def detach() -> bool:
        own_world(Namespace.MNT)
        syscalls.mount("x", tmp_path, "tmpfs")
        syscalls.chdir(tmp_path)
        syscalls.umount2(tmp_path, UmountFlag.DETACH)
        return tmp_path.is_mount()

    assert in_child(detach) is False


# Traces


def test_a_trace_shows_the_calls_of_a_child() -> None:
    with syscalls.trace() as calls:
        in_child(lambda: syscalls.prctl(Prctl.SET_NAME, "demo"))

    assert [str(call) for call in calls] == ['prctl(SET_NAME, "demo") = 0']
    assert calls[0].pid != os.getpid()


def test_a_trace_shows_the_calls_of_a_childs_child_in_order() -> None:
    def child() -> None:
        syscalls.prctl(Prctl.SET_NAME, "one")
        in_child(lambda: syscalls.prctl(Prctl.SET_NAME, "two"))
        syscalls.prctl(Prctl.SET_NAME, "three")

    with syscalls.trace() as calls:
        in_child(child)

    assert [call.arguments["value"] for call in calls] == ["one", "two", "three"]


def test_a_trace_shows_the_calls_of_a_child_that_failed() -> None:
    with syscalls.trace() as calls, pytest.raises(FileNotFoundError):
        in_child(lambda: syscalls.chdir("/no/such/place"))

    assert [str(call) for call in calls] == ['chdir("/no/such/place") = -1 ENOENT']


# Numbers


@pytest.mark.parametrize("option", Prctl)
def test_the_header_agrees_with_every_option_of_prctl(option: Prctl) -> None:
    header = Path("/usr/include/linux/prctl.h")
    if not header.exists():
        pytest.skip(f"needs {header}")

    found = re.search(rf"#define\s+PR_{option.name}\s+(\d+)", header.read_text())

    assert found
    assert int(found[1]) == option
