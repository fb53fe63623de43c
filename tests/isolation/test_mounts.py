"""Mounts: which filesystems a process sees, and where."""

import os
import re
from pathlib import Path
from typing import TypeVar

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from tests.conftest import in_own_mounts, needs_namespaces

T = TypeVar("T")
HEADER = Path("/usr/include/linux/mount.h")


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
