import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import mounts, rootfs
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from tests.conftest import in_own_mounts, needs_namespaces

ODD_NAMES = [
    "plain",
    "with space",
    "a,b",
    "a:b",
    "a\\b",
    "a=b",
    'quo"te',
    "ünï",
    "new\nline",
]


# What can be a root


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.touch(), "is no directory"),
        (lambda path: path.mkdir(), "is empty"),
    ],
    ids=["missing", "file", "empty"],
)
def test_what_cannot_be_a_root_is_refused_with_a_hint(
    make: Callable[[Path], None], text: str, tmp_path: Path
) -> None:
    make(tmp_path / "root")

    with pytest.raises(OSError, match=text) as caught:
        rootfs.check(tmp_path / "root")
    assert "cfs rootfs build" in caught.value.__notes__[0]


def test_a_directory_that_we_may_not_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir(mode=0o111)

    def as_nobody() -> None:
        os.chdir(tmp_path)
        directory = os.open("root", os.O_PATH)
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        rootfs.check(Path(f"/proc/self/fd/{directory}"))

    with pytest.raises(PermissionError, match="cannot be read"):
        in_child(as_nobody)


# Ways in


@needs_namespaces
@pytest.mark.parametrize("way", [rootfs.enter, rootfs.enter_by_chroot])
def test_both_ways_show_the_directory_at_the_root(
    way: Callable[[Path], None], rootfs_dir: Path
) -> None:
    def look() -> tuple[list[str], str]:
        way(rootfs_dir)
        return sorted(os.listdir("/")), os.getcwd()

    assert in_own_mounts(look) == (sorted(os.listdir(rootfs_dir)), "/")


@needs_namespaces
@pytest.mark.parametrize(
    ("way", "holds"),
    [(rootfs.enter, True), (rootfs.enter_by_chroot, False)],
    ids=["pivot_root", "chroot"],
)
def test_the_classic_escape_leads_out_of_chroot_only(
    way: Callable[[Path], None], holds: bool, rootfs_dir: Path
) -> None:
    host = os.stat("/")

    def escape() -> bool:
        way(rootfs_dir)
        os.makedirs("/tmp/deeper", exist_ok=True)
        os.chroot("/tmp/deeper")  # our directory stays behind, outside the new root
        for _ in range(20):
            os.chdir("..")
        os.chroot(".")
        found = os.stat("/")
        return (found.st_dev, found.st_ino) != (host.st_dev, host.st_ino)

    assert in_own_mounts(escape) is holds


@needs_namespaces
def test_after_pivot_root_the_old_mounts_are_gone(rootfs_dir: Path) -> None:
    def targets() -> list[str]:
        rootfs.layer(rootfs_dir)
        mounts.proc(rootfs_dir / "proc")
        rootfs.pivot(rootfs_dir)
        return [mount.target for mount in procfs.mounts()]

    assert in_own_mounts(targets, Namespace.PID) == ["/", "/proc"]


@needs_namespaces
def test_dot_dot_of_the_root_is_the_root(rootfs_dir: Path) -> None:
    def same() -> bool:
        rootfs.enter(rootfs_dir)
        return os.path.samestat(os.stat("/"), os.stat("/../../.."))

    assert in_own_mounts(same)


# The layer


@needs_namespaces
def test_what_is_written_into_a_layer_does_not_reach_the_directory(
    rootfs_dir: Path,
) -> None:
    before = sorted(rootfs_dir.rglob("*"))

    def change() -> tuple[bool, bool, str]:
        rootfs.layer(rootfs_dir)
        (rootfs_dir / "new").touch()
        (rootfs_dir / "etc/hosts").unlink()
        passwd = rootfs_dir / "etc/passwd"
        passwd.write_text("changed")
        hosts = rootfs_dir / "etc/hosts"
        return (rootfs_dir / "new").exists(), hosts.exists(), passwd.read_text()

    assert in_own_mounts(change) == (True, False, "changed")
    assert sorted(rootfs_dir.rglob("*")) == before
    assert (rootfs_dir / "etc/passwd").read_text() != "changed"


@needs_namespaces
@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_a_root_may_have_any_path(name: str, tmp_path: Path) -> None:
    root = tmp_path / name
    root.mkdir()
    (root / "file").write_text("found")

    def read_and_write() -> str:
        rootfs.layer(root)
        (root / "new").touch()
        return (root / "file").read_text()

    assert in_own_mounts(read_and_write) == "found"
    assert os.listdir(root) == ["file"]


@needs_namespaces
def test_a_layer_has_an_end(rootfs_dir: Path) -> None:
    def fill() -> None:
        rootfs.layer(rootfs_dir, size=64 << 10)
        (rootfs_dir / "big").write_bytes(bytes(1 << 20))

    with pytest.raises(OSError, match="No space left"):
        in_own_mounts(fill)


@needs_namespaces
def test_nobody_inside_reads_where_the_directory_is(rootfs_dir: Path) -> None:
    def source() -> str:
        rootfs.layer(rootfs_dir)
        return procfs.mounts()[-1].super_options

    assert str(rootfs_dir) not in in_own_mounts(source)


@needs_namespaces
def test_a_layer_is_seen_by_nobody_else(rootfs_dir: Path) -> None:
    def write() -> bool:
        rootfs.layer(rootfs_dir)
        (rootfs_dir / "mine").touch()
        return (rootfs_dir / "mine").exists()

    assert in_own_mounts(write) is True
    assert in_own_mounts(lambda: (rootfs_dir / "mine").exists()) is False


@needs_namespaces
def test_mount_points_are_directories_of_the_layer(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "proc").symlink_to("/etc")

    def made() -> list[str]:
        rootfs.layer(tmp_path)
        assert not any(path.is_symlink() for path in tmp_path.iterdir())
        return sorted(path.name for path in tmp_path.iterdir() if path.is_dir())

    assert in_own_mounts(made) == ["dev", "proc", "sys"]
    assert (tmp_path / "proc").is_symlink()


@needs_namespaces
def test_a_layer_has_a_bound_of_files(rootfs_dir: Path) -> None:
    def fill() -> None:
        rootfs.layer(rootfs_dir)
        for number in range(rootfs.MOST_FILES):
            os.mknod(rootfs_dir / str(number))

    with pytest.raises(OSError, match="No space left"):
        in_own_mounts(fill)


@needs_namespaces
def test_a_root_can_be_shown_elsewhere(rootfs_dir: Path, tmp_path: Path) -> None:
    def shown() -> tuple[list[str], list[str]]:
        rootfs.layer(rootfs_dir, tmp_path)
        return os.listdir(tmp_path), [mount.target for mount in procfs.mounts()][-2:]

    names, targets = in_own_mounts(shown)

    assert set(names) == {*os.listdir(rootfs_dir), *rootfs.MOUNT_POINTS}
    assert targets == [str(tmp_path)] * 2


@needs_namespaces
def test_programs_run_in_a_layer(rootfs_dir: Path) -> None:
    def run() -> bytes:
        rootfs.layer(rootfs_dir)
        rootfs.pivot(rootfs_dir)
        return subprocess.check_output(["sh", "-c", "echo hello"])

    assert in_own_mounts(run, Namespace.PID) == b"hello\n"
