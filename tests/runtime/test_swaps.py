"""Somebody swaps a directory for a link while a container is made of it.

Who owns a rootfs or a volume need not be who starts the container.  A program in C does
nothing but that, as fast as it can; the container says if one of its walls is missing.
CFS_SWAPS is how many containers of each kind are made, if not as many as here.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import host_tools
from cfslib.isolation.capabilities import DEFAULT
from cfslib.kernel import procfs
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec, Volume
from tests.conftest import needs_namespaces

pytestmark = [
    needs_namespaces,
    pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler"),
]

TIMES = int(os.environ.get("CFS_SWAPS", 15))
MOST = 40 * TIMES  # attempts, where nearly all are refused
RIGHTS = f"{sum(1 << right for right in DEFAULT):016x}"
SWAP = """
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    pid_t parent = getppid();
    while (getppid() == parent)
        renameat2(-100, argv[1], -100, argv[2], RENAME_EXCHANGE);
}
"""
LOOK = """
while read -r name value; do [ $name = CapBnd: ] && echo rights $value; done \
    </proc/self/status
cat /proc/self/mountinfo
"""
NEVER_SEEN = "secret"  # on the host, outside of all that the container should see


@pytest.fixture(scope="module")
def swap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a program that swaps two names until its parent ends."""
    program = tmp_path_factory.mktemp("swap") / "swap"
    source = program.with_suffix(".c")
    source.write_text(SWAP)
    subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    return program


@contextmanager
def swapped(swap: Path, one: Path, other: Path) -> Iterator[None]:
    process = subprocess.Popen([swap, one, other])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def faults(spec: Spec) -> list[str]:
    """Make containers of a kind, and return what is wrong with those that ran."""

    def made() -> tuple[list[str], int]:
        found: list[str] = []
        ran = attempts = 0
        while attempts < TIMES or (ran == 0 and attempts < MOST):
            attempts += 1
            try:
                done = capture(spec)
            except OSError:
                continue  # refused: no container, no fault
            ran += done.code == 0
            found += _faults(done.stdout) if done.code == 0 else []
        return found, ran

    found, ran = in_child(made)
    print(f"{ran} ran, {len(found)} faults")
    assert ran, "no container ran, so this shows nothing"
    return found


def _faults(output: str) -> Iterator[str]:
    rights, _, table = output.partition("\n")
    if rights != f"rights {RIGHTS}":
        yield rights
    mounts = {mount.target: mount for mount in procfs.parse_mountinfo(table)}
    for place, kind in (("/", "overlay"), ("/proc", "proc"), ("/dev", "tmpfs")):
        if place not in mounts or mounts[place].fstype != kind:
            yield f"{place} is {mounts.get(place)}"
    if "ro" not in mounts["/proc/sys"].options.split(","):
        yield "/proc/sys can be written to"
    if "/proc/keys" not in mounts:
        yield "/proc/keys is not masked"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    host_tools.build(tmp_path / "root", ["sh", "cat", "ls"])
    return tmp_path / "root"


@pytest.mark.parametrize("name", ["proc", "dev", "sys"])
def test_a_mount_point_of_the_rootfs(name: str, root: Path, swap: Path) -> None:
    (root / "link").symlink_to("/etc")
    with swapped(swap, root / name, root / "link"):
        assert faults(Spec(["sh", "-c", LOOK], rootfs=root)) == []


def test_the_rootfs_itself(root: Path, swap: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / NEVER_SEEN).touch()
    (tmp_path / "link").symlink_to(tmp_path / "other")
    with swapped(swap, root, tmp_path / "link"):
        assert faults(Spec(["sh", "-c", LOOK], rootfs=root)) == []


@pytest.mark.parametrize("destination", ["/proc", "/proc/self", "/dev", "/sys", "/"])
@pytest.mark.parametrize("place", ["/volume/place", "/volume/place/new/deeper"])
def test_the_place_of_a_volume_that_is_in_another(
    place: str, destination: str, root: Path, swap: Path, tmp_path: Path
) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "inner"
    (outer / "place").mkdir(parents=True)
    (outer / "link").symlink_to(destination)
    (inner / "self").mkdir(parents=True)
    (inner / "self/status").write_text("CapBnd: none")
    volumes = [Volume(outer, "/volume"), Volume(inner, place)]
    with swapped(swap, outer / "place", outer / "link"):
        found = faults(Spec(["sh", "-c", LOOK], rootfs=root, volumes=volumes))

    allowed = "/dev is"  # whoever has a volume there may say what is in it
    assert [fault for fault in found if not fault.startswith(allowed)] == []
