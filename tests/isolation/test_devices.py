import os
import stat
from pathlib import Path

import pytest

from cfslib.isolation import devices, mounts
from tests.conftest import in_own_mounts, needs_namespaces, needs_root

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
        devices.mount_dev(tmp_path, may_make_devices=may_make)
        return {name: os.stat(tmp_path / name).st_rdev for name in devices.DEVICES}

    assert in_own_mounts(numbers) == {
        name: os.stat(f"/dev/{name}").st_rdev for name in devices.DEVICES
    }


@needs_namespaces
@pytest.mark.parametrize("may_make", KINDS)
def test_the_devices_work_for_everybody(may_make: bool, tmp_path: Path) -> None:
    def use() -> tuple[bytes, bytes, str, int]:
        os.umask(0o077)
        devices.mount_dev(tmp_path, may_make_devices=may_make)
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
        devices.mount_dev(tmp_path, may_make_devices=False)
        status = os.statvfs(tmp_path / "shm")
        mode = stat.S_IMODE(os.stat(tmp_path / "shm").st_mode)
        return mode, status.f_blocks * status.f_frsize

    assert in_own_mounts(shm) == (0o1777, 64 << 20)


@needs_namespaces
def test_the_links_in_dev_lead_to_the_process_that_looks(tmp_path: Path) -> None:
    def links() -> dict[str, str]:
        devices.mount_dev(tmp_path, may_make_devices=False)
        return {name: os.readlink(tmp_path / name) for name in devices.DEV_LINKS}

    assert in_own_mounts(links) == devices.DEV_LINKS
