import os
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import volumes
from cfslib.isolation.namespaces import Namespace
from cfslib.isolation.volumes import TreeFlag
from cfslib.kernel import syscalls
from tests.conftest import in_own_mounts, needs_namespaces, own_world

MOUNT_ATTR_RDONLY = 1


@needs_namespaces
def test_a_tree_of_mounts_can_be_copied_and_hung_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from/file").write_text("found")
    (tmp_path / "to").mkdir()

    def copy() -> str:
        own_world(Namespace.MNT)
        tree = volumes.open_tree(tmp_path / "from", TreeFlag.CLONE)
        volumes.move_mount(tree, tmp_path / "to", TreeFlag.FROM_FD)
        return (tmp_path / "to/file").read_text()

    assert in_child(copy) == "found"


@needs_namespaces
def test_a_tree_can_be_made_read_only_before_it_is_seen(tmp_path: Path) -> None:
    def write_to_it() -> None:
        own_world(Namespace.MNT)
        tree = volumes.open_tree(tmp_path, TreeFlag.CLONE)
        volumes.mount_setattr(tree, TreeFlag.EMPTY_PATH, MOUNT_ATTR_RDONLY)
        volumes.move_mount(tree, tmp_path, TreeFlag.FROM_FD)
        Path(tmp_path, "file").touch()  # by its name: that leads to the new mount

    with pytest.raises(OSError, match="Read-only file system"):
        in_child(write_to_it)


@needs_namespaces
@pytest.mark.parametrize("read_only", [False, True], ids=["rw", "ro"])
def test_a_detached_directory_can_be_attached(read_only: bool, tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()

    def writable() -> bool:
        tree = volumes.detached(tmp_path / "from", read_only=read_only)
        volumes.attach(tree, tmp_path / "new/place")
        return os.access(tmp_path / "new/place", os.W_OK)

    assert in_own_mounts(writable) is not read_only


@needs_namespaces
def test_a_read_only_tree_is_so_in_all_that_is_mounted_below(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()

    def writable() -> bool:
        syscalls.mount("x", tmp_path / "below", "tmpfs")
        volumes.attach(volumes.detached(tmp_path, read_only=True), tmp_path)
        return os.access(tmp_path / "below", os.W_OK)

    assert in_own_mounts(writable) is False


@needs_namespaces
def test_no_device_and_no_setuid_program_works_in_any_mount_of_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "below").mkdir()

    def flags() -> list[int]:
        syscalls.mount("x", tmp_path / "below", "tmpfs")
        volumes.attach(volumes.detached(tmp_path), tmp_path)
        both = os.ST_NODEV | os.ST_NOSUID
        places = (tmp_path, tmp_path / "below")
        return [os.statvfs(place).f_flag & both ^ both for place in places]

    assert in_own_mounts(flags) == [0, 0]


@needs_namespaces
@pytest.mark.parametrize("device", ["/dev/null", "/dev/fuse", "/dev/vda"])
def test_a_device_is_no_volume(device: str) -> None:
    if not Path(device).exists():
        pytest.skip(f"needs {device}")

    with pytest.raises(PermissionError, match=f"{device} is a device"):
        in_own_mounts(lambda: volumes.detached(Path(device)))


@needs_namespaces
def test_a_single_file_can_be_attached(tmp_path: Path) -> None:
    (tmp_path / "from").write_text("found")

    def text() -> str:
        volumes.attach(volumes.detached(tmp_path / "from"), tmp_path / "new/file")
        return (tmp_path / "new/file").read_text()

    assert in_own_mounts(text) == "found"


@needs_namespaces
def test_attaching_leaves_no_file_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()

    def opened() -> bool:
        before = os.listdir("/proc/self/fd")
        volumes.attach(volumes.detached(tmp_path / "from"), tmp_path / "to")
        return os.listdir("/proc/self/fd") == before

    assert in_own_mounts(opened)


@needs_namespaces
def test_what_does_not_exist_cannot_be_detached(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="open_tree"):
        in_own_mounts(lambda: volumes.detached(tmp_path / "missing"))
