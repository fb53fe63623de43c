import errno
from pathlib import Path

import pytest

from cfslib.doctor import obstacles
from cfslib.doctor.obstacles import Obstacle, to_mount, to_namespace, to_proc
from cfslib.isolation.namespaces import Namespace
from tests.doctor.test_machine import write

REFUSED = PermissionError(errno.EPERM, "Operation not permitted")
USED_UP = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a machine on paper: an ordinary user, no switch set, nothing masked."""
    write(tmp_path / "proc/self/status", "Name:\tcfs\nSeccomp:\t0\n")
    write(tmp_path / "proc/self/mountinfo", "")
    return tmp_path


def user(root: Path, error: OSError = REFUSED) -> Obstacle:
    return to_namespace(Namespace.USER, error, root)


def test_a_limit_of_zero_is_named(root: Path) -> None:
    write(root / "proc/sys/user/max_user_namespaces", "0\n")

    assert "max_user_namespaces = 0" in user(root, USED_UP).what
    assert user(root, USED_UP).remedy.startswith("sudo sysctl -w user.max_user_")


def test_a_limit_that_is_reached_is_raised(root: Path) -> None:
    write(root / "proc/sys/user/max_net_namespaces", "100\n")
    found = to_namespace(Namespace.NET, USED_UP, root)

    assert found.remedy == "sudo sysctl -w user.max_net_namespaces=200"


def test_the_switch_of_debian_is_named(root: Path) -> None:
    write(root / "proc/sys/kernel/unprivileged_userns_clone", "0\n")

    assert user(root).remedy == "sudo sysctl -w kernel.unprivileged_userns_clone=1"


def test_the_switch_of_ubuntu_is_named(root: Path) -> None:
    write(root / "proc/sys/kernel/unprivileged_userns_clone", "1\n")
    write(root / "proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")

    assert user(root).remedy.endswith("apparmor_restrict_unprivileged_userns=0")


def test_a_seccomp_filter_is_named(root: Path) -> None:
    write(root / "proc/self/status", "Seccomp:\t2\n")

    assert user(root).remedy == (
        "docker run --security-opt seccomp=.docker/seccomp.json ..."
    )


def test_podman_is_told_in_its_own_words(root: Path) -> None:
    write(root / "proc/self/status", "Seccomp:\t2\n")
    write(root / "run/.containerenv", "")

    assert user(root).remedy.startswith("podman run")


def test_a_kernel_without_a_namespace_is_to_be_replaced(root: Path) -> None:
    found = to_namespace(Namespace.TIME, OSError(errno.EINVAL, "Invalid"), root)

    assert found.what == "this kernel has no TIME namespaces"
    assert found.remedy


def test_a_refusal_nobody_knows_is_shown_as_it_is(root: Path) -> None:
    assert user(root) == Obstacle("Operation not permitted", "sudo dmesg | tail")


@pytest.mark.parametrize(
    ("sign", "remedy"),
    [
        (".dockerenv", "docker run --security-opt systempaths=unconfined ..."),
        ("run/.containerenv", "podman run --security-opt unmask=ALL ..."),
    ],
)
def test_a_masked_proc_is_named(root: Path, sign: str, remedy: str) -> None:
    write(root / sign, "")
    write(
        root / "proc/self/mountinfo",
        "31 21 0:25 / /proc rw - proc proc rw\n"
        "32 31 0:26 /null /proc/keys rw - tmpfs tmpfs rw\n",
    )

    assert "/proc/keys" in to_proc(REFUSED, root).what
    assert to_proc(REFUSED, root).remedy == remedy


def test_a_directory_that_is_always_empty_masks_nothing(root: Path) -> None:
    place = "/proc/sys/fs/binfmt_misc"
    write(root / "proc/self/mountinfo", f"3 2 0:2 / {place} rw - autofs none rw\n")

    assert obstacles.covered_parts_of_proc(root) == []


def test_a_profile_of_apparmor_is_named(root: Path) -> None:
    write(root / "proc/self/attr/current", "docker-default (enforce)\n")
    found = to_mount(PermissionError(errno.EACCES, "Permission denied"), root)

    assert "docker-default" in found.what
    assert found.remedy == "docker run --security-opt apparmor=unconfined ..."


def test_a_filesystem_that_is_not_loaded_can_be(root: Path) -> None:
    found = to_mount(OSError(errno.ENODEV, "No such device"), root)

    assert found.remedy == "sudo modprobe overlay"
