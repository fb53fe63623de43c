import os
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.children.in_child import in_child
from cfslib.isolation import volumes
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import TreeFlag
from cfslib.runtime.spec import Volume
from tests.conftest import in_own_mounts, needs_namespaces, own_world

MOUNT_ATTR_RDONLY = 1


def show(source: Path, target: Path, *, read_only: bool = False) -> None:
    """Show one directory or file at a second place."""
    shown = [Volume(str(source), str(target), read_only)]
    volumes.attach(volumes.detached(shown), shown)


@needs_namespaces
def test_a_tree_of_mounts_can_be_copied_and_hung_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from/file").write_text("found")
    (tmp_path / "to").mkdir()

    def copy() -> str:
        own_world(Namespace.MNT)
        tree = syscalls.open_tree(tmp_path / "from", TreeFlag.CLONE)
        syscalls.move_mount(tree, tmp_path / "to", TreeFlag.FROM_FD)
        return (tmp_path / "to/file").read_text()

    assert in_child(copy) == "found"


@needs_namespaces
def test_a_tree_can_be_made_read_only_before_it_is_seen(tmp_path: Path) -> None:
    def write_to_it() -> None:
        own_world(Namespace.MNT)
        tree = syscalls.open_tree(tmp_path, TreeFlag.CLONE)
        syscalls.mount_setattr(tree, TreeFlag.EMPTY_PATH, MOUNT_ATTR_RDONLY)
        syscalls.move_mount(tree, tmp_path, TreeFlag.FROM_FD)
        Path(tmp_path, "file").touch()  # by its name: that leads to the new mount

    with pytest.raises(OSError, match="Read-only file system"):
        in_child(write_to_it)


@needs_namespaces
@pytest.mark.parametrize("read_only", [False, True], ids=["rw", "ro"])
def test_a_detached_directory_can_be_attached(read_only: bool, tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()

    def writable() -> bool:
        show(tmp_path / "from", tmp_path / "new/place", read_only=read_only)
        return os.access(tmp_path / "new/place", os.W_OK)

    assert in_own_mounts(writable) is not read_only


@needs_namespaces
def test_a_read_only_tree_is_so_in_all_that_is_mounted_below(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()

    def writable() -> bool:
        syscalls.mount("x", tmp_path / "below", "tmpfs")
        show(tmp_path, tmp_path, read_only=True)
        return os.access(tmp_path / "below", os.W_OK)

    assert in_own_mounts(writable) is False


@needs_namespaces
def test_no_device_and_no_setuid_program_works_in_any_mount_of_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "below").mkdir()

    def flags() -> list[int]:
        syscalls.mount("x", tmp_path / "below", "tmpfs")
        show(tmp_path, tmp_path)
        both = os.ST_NODEV | os.ST_NOSUID
        places = (tmp_path, tmp_path / "below")
        return [os.statvfs(place).f_flag & both ^ both for place in places]

    assert in_own_mounts(flags) == [0, 0]


@needs_namespaces
@pytest.mark.parametrize("device", ["/dev/null", "/dev/fuse", "/dev/vda"])
def test_a_device_is_no_volume(device: str, tmp_path: Path) -> None:
    if not Path(device).exists():
        pytest.skip(f"needs {device}")

    with pytest.raises(PermissionError, match=f"{device} is a device"):
        in_own_mounts(lambda: show(Path(device), tmp_path))


@needs_namespaces
def test_a_single_file_can_be_attached(tmp_path: Path) -> None:
    (tmp_path / "from").write_text("found")

    def text() -> str:
        show(tmp_path / "from", tmp_path / "new/file")
        return (tmp_path / "new/file").read_text()

    assert in_own_mounts(text) == "found"


@needs_namespaces
def test_attaching_leaves_no_file_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()

    def opened() -> bool:
        before = os.listdir("/proc/self/fd")
        show(tmp_path / "from", tmp_path / "to")
        return os.listdir("/proc/self/fd") == before

    assert in_own_mounts(opened)


@needs_namespaces
def test_what_does_not_exist_cannot_be_detached(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="open_tree"):
        in_own_mounts(lambda: show(tmp_path / "missing", tmp_path))


@needs_namespaces
def test_several_volumes_are_attached_in_their_order(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()

    def listed() -> list[str]:
        both = [Volume(str(tmp_path / name), str(tmp_path)) for name in ("one", "two")]
        volumes.attach(volumes.detached(both), both)
        return os.listdir(tmp_path)

    # By its name, what is attached later covers what is there.
    assert in_own_mounts(listed) == ["two"]


@needs_namespaces
@pytest.mark.parametrize("target", ["/", "/proc", "/proc/self/../sys", "/no/../.."])
def test_a_volume_covers_neither_the_root_nor_proc(target: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(target)

    for place in (target, str(tmp_path / "link")):
        with pytest.raises(PermissionError, match="cannot cover /"):
            in_own_mounts(partial(show, tmp_path, Path(place)))


LINKS = {
    "to-dir": "dir",
    "absolute": "/usr/bin",
    "up": "../up-there/x",
    "chain": "to-dir",
    "dangling": "dir/not/there",
    "dot": ".",
    "dir/back": "../chain/./deeper",
}
NAMES = st.sampled_from(
    [*LINKS, "dir", "deeper", "file", "nothing", "..", ".", "", "back"]
)


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a directory full of links."""
    top = tmp_path_factory.mktemp("maze") / "a/b"
    (top / "dir/deeper").mkdir(parents=True)
    (top / "file").touch()
    for name, destination in LINKS.items():
        (top / name).symlink_to(destination)
    return top


@given(names=st.lists(NAMES, max_size=6))
def test_a_place_is_found_as_python_finds_it(names: list[str], maze: Path) -> None:
    path = "/".join([str(maze), *names])

    assert volumes.resolved(path) == os.path.realpath(path)


def test_links_that_lead_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    with pytest.raises(OSError, match="symbolic links"):
        volumes.resolved(str(tmp_path / "a"))
