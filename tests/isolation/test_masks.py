import os
from pathlib import Path

import pytest

from cfslib.isolation import devices, masks, mounts, rootfs
from cfslib.isolation.namespaces import Namespace
from tests.conftest import in_own_mounts, needs_namespaces


@needs_namespaces
def test_the_machine_is_hidden(rootfs_dir: Path) -> None:
    def look() -> tuple[bytes, list[str], bool]:
        enter(rootfs_dir)
        masks.hide_the_machine()
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
@pytest.mark.parametrize("path", masks.READ_ONLY)
def test_a_part_of_proc_that_changes_the_machine_is_read_only(
    path: str, rootfs_dir: Path
) -> None:
    def is_read_only() -> bool:
        enter(rootfs_dir)
        if not os.path.exists(path):
            return True
        masks.hide_the_machine()
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)

    assert in_own_mounts(is_read_only, Namespace.PID)


def enter(root: Path) -> None:
    """Make `root` our root, with a /proc, a /sys and a /dev."""
    rootfs.layer(root)
    mounts.proc(root / "proc")
    mounts.sys(root / "sys")
    devices.mount_dev(root / "dev", may_make_devices=False)
    rootfs.pivot(root)
