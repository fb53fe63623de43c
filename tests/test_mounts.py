"""Mounts: which filesystems a process sees, and where."""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from cfslib import idmaps, mounts, procfs, rootfs, syscalls
from cfslib.children import in_child
from cfslib.mounts import MountFlag
from cfslib.namespaces import Namespace
from tests.conftest import needs_namespaces, needs_root, own_world

T = TypeVar("T")
HEADER = Path("/usr/include/linux/mount.h")


def in_own_mounts(func: Callable[[], T], flags: int = 0) -> T:
    """Call `func` in a child with mounts of its own."""

    def child() -> T:
        own_world(Namespace.MNT | flags)
        # A PID namespace is for children.
        return in_child(func) if flags & Namespace.PID else func()

    return in_child(child)


# Flags


@pytest.mark.parametrize("flag", MountFlag, ids=str)
def test_the_header_agrees_with_every_flag(flag: MountFlag) -> None:
    if not HEADER.exists():
        pytest.skip(f"needs {HEADER}")

    found = re.search(
        rf"#define MS_{flag.name}\s+(?:(\d+)|\(1<<(\d+)\))", HEADER.read_text()
    )

    assert found
    value = int(found[1]) if found[1] else 1 << int(found[2])
    assert value == flag


def test_flags_print_by_name() -> None:
    assert str(MountFlag.REC | MountFlag.PRIVATE) == "REC|PRIVATE"
    assert str(mounts.UmountFlag.DETACH) == "DETACH"


# Propagation


@needs_namespaces
@pytest.mark.parametrize("private", [True, False], ids=["private", "shared"])
def test_a_mount_leaks_unless_it_is_kept_private(private: bool, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()

    def leaks() -> bool:
        syscalls.mount("outer", tmp_path, "tmpfs")
        syscalls.mount(None, tmp_path, flags=MountFlag.SHARED)
        (tmp_path / "inner").mkdir()

        def mount_elsewhere() -> None:
            syscalls.unshare(Namespace.MNT)
            if private:
                mounts.keep_private()
            syscalls.mount("inner", tmp_path / "inner", "tmpfs")

        in_child(mount_elsewhere)
        return (tmp_path / "inner").is_mount()

    assert in_own_mounts(leaks) is not private


@needs_namespaces
def test_keep_private_reaches_every_mount() -> None:
    def propagations() -> set[str]:
        mounts.keep_private()
        return {mount.propagation for mount in procfs.mounts()}

    assert in_own_mounts(propagations) == {"private"}


# Mounts that go away


@needs_namespaces
def test_a_mount_lasts_as_long_as_its_block(tmp_path: Path) -> None:
    def inside_and_after() -> tuple[bool, bool]:
        with mounts.mounted("x", tmp_path, "tmpfs") as target:
            inside = target.is_mount()
        return inside, tmp_path.is_mount()

    assert in_own_mounts(inside_and_after) == (True, False)


@needs_namespaces
def test_a_mount_goes_away_after_an_error_and_while_in_use(tmp_path: Path) -> None:
    def fail() -> None:
        with mounts.mounted("x", tmp_path, "tmpfs"):
            os.chdir(tmp_path)
            raise ZeroDivisionError

    def after() -> bool:
        with pytest.raises(ZeroDivisionError):
            fail()
        return tmp_path.is_mount()

    assert in_own_mounts(after) is False


@needs_namespaces
def test_a_bind_mount_shows_what_is_mounted_below_too(tmp_path: Path) -> None:
    for name in ("from", "from/below", "to"):
        (tmp_path / name).mkdir()

    def listed() -> list[str]:
        syscalls.mount("x", tmp_path / "from/below", "tmpfs")
        (tmp_path / "from/below/file").touch()
        mounts.bind(tmp_path / "from", tmp_path / "to")
        return os.listdir(tmp_path / "to/below")

    assert in_own_mounts(listed) == ["file"]


@needs_namespaces
def test_read_only_is_a_property_of_one_mount(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()

    def write() -> bool:
        mounts.bind(tmp_path / "from", tmp_path / "to")
        mounts.make_read_only(tmp_path / "to")
        (tmp_path / "from/file").touch()
        with pytest.raises(OSError, match="Read-only"):
            (tmp_path / "to/another").touch()
        return (tmp_path / "to/file").exists()

    assert in_own_mounts(write)


# The filesystems of a container


@needs_namespaces
def test_a_new_proc_shows_the_processes_of_our_namespace_only(tmp_path: Path) -> None:
    def pids() -> list[str]:
        mounts.proc(tmp_path)
        return [name for name in os.listdir(tmp_path) if name.isdecimal()]

    assert in_own_mounts(pids, Namespace.PID) == ["1"]


@needs_namespaces
def test_a_new_proc_is_inert(tmp_path: Path) -> None:
    def options() -> str:
        mounts.proc(tmp_path)
        return procfs.mounts()[-1].options

    shown = in_own_mounts(options, Namespace.PID).split(",")

    assert {"nosuid", "nodev", "noexec"} <= set(shown)


@needs_namespaces
def test_sys_is_read_only_where_there_is_one(tmp_path: Path) -> None:
    def options() -> list[str]:
        mounts.sys(tmp_path)
        return procfs.mounts()[-1].options.split(",")

    assert "ro" in in_own_mounts(options, Namespace.NET)


@needs_namespaces
def test_a_sys_that_is_refused_is_left_out(tmp_path: Path) -> None:
    def listed() -> list[str]:
        idmaps.unshare_as_root(Namespace.MNT)  # not NET, so the host's is not ours
        mounts.sys(tmp_path)
        return os.listdir(tmp_path)

    assert in_child(listed) == []


KINDS = [
    pytest.param(True, marks=needs_root, id="made"),
    pytest.param(False, id="bound"),
]


@needs_namespaces
@pytest.mark.parametrize("may_make", KINDS)
def test_dev_has_the_devices_that_programs_expect(
    may_make: bool, tmp_path: Path
) -> None:
    def numbers() -> dict[str, int]:
        mounts.dev(tmp_path, may_make_devices=may_make)
        return {name: os.stat(tmp_path / name).st_rdev for name in mounts.DEVICES}

    assert in_own_mounts(numbers) == {
        name: os.stat(f"/dev/{name}").st_rdev for name in mounts.DEVICES
    }


@needs_namespaces
@pytest.mark.parametrize("may_make", KINDS)
def test_the_devices_work_for_everybody(may_make: bool, tmp_path: Path) -> None:
    def use() -> tuple[bytes, bytes, str, int]:
        os.umask(0o077)
        mounts.dev(tmp_path, may_make_devices=may_make)
        with pytest.raises(OSError, match="No space"):
            (tmp_path / "full").write_bytes(b"x")
        (tmp_path / "null").write_bytes(b"gone")
        with (tmp_path / "zero").open("rb") as zero:
            zeros = zero.read(3)
        mode = stat.S_IMODE(os.stat(tmp_path / "null").st_mode)
        return zeros, (tmp_path / "null").read_bytes(), os.ttyname(new_pty()), mode

    def new_pty() -> int:
        # /dev/pts is looked up by its name, so it has to be ours.
        mounts.bind(tmp_path, "/dev")
        return os.openpty()[1]

    assert in_own_mounts(use) == (b"\0\0\0", b"", "/dev/pts/0", 0o666)


@needs_namespaces
def test_dev_shm_is_for_everybody_and_has_an_end(tmp_path: Path) -> None:
    def shm() -> tuple[int, int]:
        mounts.dev(tmp_path, may_make_devices=False)
        status = os.statvfs(tmp_path / "shm")
        mode = stat.S_IMODE(os.stat(tmp_path / "shm").st_mode)
        return mode, status.f_blocks * status.f_frsize

    assert in_own_mounts(shm) == (0o1777, 64 << 20)


@needs_namespaces
def test_the_links_in_dev_lead_to_the_process_that_looks(tmp_path: Path) -> None:
    def links() -> dict[str, str]:
        mounts.dev(tmp_path, may_make_devices=False)
        return {name: os.readlink(tmp_path / name) for name in mounts.DEV_LINKS}

    assert in_own_mounts(links) == mounts.DEV_LINKS


@needs_namespaces
def test_the_machine_is_hidden(rootfs_dir: Path) -> None:
    def look() -> tuple[bytes, list[str], bool]:
        enter(rootfs_dir)
        mounts.hide_the_machine()
        firmware = (
            os.listdir("/sys/firmware") if os.path.exists("/sys/firmware") else []
        )
        changeable = True
        try:
            Path("/proc/sys/kernel/hostname").write_text("changed")
        except OSError:
            changeable = False
        return Path("/proc/interrupts").read_bytes(), firmware, changeable

    assert in_own_mounts(look, Namespace.PID | Namespace.UTS) == (b"", [], False)


@needs_namespaces
@pytest.mark.parametrize("path", mounts.READ_ONLY)
def test_a_part_of_proc_that_changes_the_machine_is_read_only(
    path: str, rootfs_dir: Path
) -> None:
    def is_read_only() -> bool:
        enter(rootfs_dir)
        if not os.path.exists(path):
            return True
        mounts.hide_the_machine()
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)

    assert in_own_mounts(is_read_only, Namespace.PID)


def enter(root: Path) -> None:
    """Make `root` our root, with a /proc, a /sys and a /dev."""
    rootfs.layer(root)
    rootfs.make_mount_points(root)
    mounts.proc(root / "proc")
    mounts.sys(root / "sys")
    mounts.dev(root / "dev", may_make_devices=False)
    rootfs.pivot(root)


# Trees


@needs_namespaces
@pytest.mark.parametrize("read_only", [False, True], ids=["rw", "ro"])
def test_a_detached_directory_can_be_attached(read_only: bool, tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()

    def writable() -> bool:
        tree = mounts.detached(tmp_path / "from", read_only=read_only)
        mounts.attach(tree, tmp_path / "new/place")
        return os.access(tmp_path / "new/place", os.W_OK)

    assert in_own_mounts(writable) is not read_only


@needs_namespaces
def test_a_read_only_tree_is_so_in_all_that_is_mounted_below(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()

    def writable() -> bool:
        syscalls.mount("x", tmp_path / "below", "tmpfs")
        mounts.attach(mounts.detached(tmp_path, read_only=True), tmp_path)
        return os.access(tmp_path / "below", os.W_OK)

    assert in_own_mounts(writable) is False


@needs_namespaces
def test_a_single_file_can_be_attached(tmp_path: Path) -> None:
    (tmp_path / "from").write_text("found")

    def text() -> str:
        mounts.attach(mounts.detached(tmp_path / "from"), tmp_path / "new/file")
        return (tmp_path / "new/file").read_text()

    assert in_own_mounts(text) == "found"


@needs_namespaces
def test_attaching_leaves_no_file_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()

    def opened() -> bool:
        before = os.listdir("/proc/self/fd")
        mounts.attach(mounts.detached(tmp_path / "from"), tmp_path / "to")
        return os.listdir("/proc/self/fd") == before

    assert in_own_mounts(opened)


@needs_namespaces
def test_what_does_not_exist_cannot_be_detached(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="open_tree"):
        in_own_mounts(lambda: mounts.detached(tmp_path / "missing"))
