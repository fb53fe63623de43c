import os
from pathlib import Path

import pytest

from cfslib.doctor import machine


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        (".dockerenv", "", "Docker"),
        ("run/.containerenv", "", "Podman"),
        ("run/systemd/container", "lxc\n", "LXC"),
        ("proc/1/cgroup", "1:cpu:/kubepods/besteffort/pod1\n", "Kubernetes"),
        ("proc/1/cgroup", "0::/init.scope\n", ""),
    ],
)
def test_a_container_around_us_is_known(
    tmp_path: Path, path: str, text: str, name: str
) -> None:
    write(tmp_path / path, text)

    assert machine.around(tmp_path) == name


@pytest.mark.parametrize(
    ("status", "void"),
    [
        ("NoNewPrivs:\t0\nCapBnd:\t000001ffffffffff\n", False),
        ("NoNewPrivs:\t1\nCapBnd:\t000001ffffffffff\n", True),
        ("NoNewPrivs:\t0\nCapBnd:\t0000000000000000\n", True),
        ("NoNewPrivs:\t0\nCapBnd:\t0000000000000040\n", True),
        ("NoNewPrivs:\t0\nCapBnd:\t00000000000000c0\n", False),
    ],
)
def test_whether_newuidmap_can_become_root_is_known(
    tmp_path: Path, status: str, void: bool
) -> None:
    write(tmp_path / "proc/self/status", status)

    assert machine.setuid_is_void(tmp_path) == void


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("5.15.153.1-microsoft-standard-WSL2", 2),
        ("4.4.0-19041-Microsoft", 1),
        ("6.1.0-13-amd64", 0),
    ],
)
def test_windows_is_known_by_the_name_of_its_kernel(
    tmp_path: Path, release: str, version: int
) -> None:
    write(tmp_path / "proc/sys/kernel/osrelease", release)

    assert machine.wsl(tmp_path) == version


def test_windows_brings_its_own_kernel(tmp_path: Path) -> None:
    write(tmp_path / "proc/sys/kernel/osrelease", "5.10.16-microsoft-standard-WSL2")

    assert machine.newer_kernel(tmp_path) == "wsl.exe --update"


def test_there_is_a_line_to_type_even_without_a_package_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))

    assert machine.newuidmap()
    assert machine.newer_kernel(tmp_path)
