import os
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.cgroups.janitor import Janitor
from cfslib.observe import sightings
from cfslib.runtime.request import Made, Request, unpacked
from cfslib.runtime.spec import Spec, Volume
from tests.conftest import needs_namespaces

ENVIRON = {b"HOME": b"/root", b"TERM": b"\xff"}
SPEC = Spec(["echo", "\udcff"], env={"A": "1"}, volumes=[Volume("/a", "/b")])
ONE = Request(SPEC, ENVIRON, "/tmp", False)


def test_a_request_arrives_as_it_was() -> None:
    assert vars(unpacked(ONE.packed())) == vars(ONE)


OTHERS = {
    "hostname": Request(SPEC.changed(hostname="x"), ENVIRON, "/tmp", False),
    "environment": Request(SPEC, ENVIRON | {b"TERM": b"vt100"}, "/tmp", False),
    "directory": Request(SPEC, ENVIRON, "/", False),
    "trace": Request(SPEC, ENVIRON, "/tmp", True),
}


@pytest.mark.parametrize("part", OTHERS)
def test_it_is_not_alike_if_one_container_would_not_do(part: str) -> None:
    assert not ONE.is_alike(OTHERS[part])


def test_another_command_is_alike() -> None:
    assert ONE.is_alike(
        Request(SPEC.changed(argv=["ls"]), dict(ENVIRON), "/tmp", False)
    )


def request_for(rootfs: Path) -> Request:
    spec = Spec(["true"], rootfs=rootfs.name)
    return Request(spec, dict(os.environb), str(rootfs.parent), False)


@needs_namespaces
def test_what_is_made_waits_and_is_gone_afterwards(rootfs_dir: Path) -> None:
    def make() -> tuple[list[str], bool, list[str], bool]:
        janitor = Janitor()
        before = os.listdir("/proc/self/fd")
        with Made(request_for(rootfs_dir), lambda: janitor) as made:
            names = sorted(seen.name for seen in sightings.below(os.getpid()))
            current = made.is_current()
        left = [seen.name for seen in sightings.below(os.getpid())]
        same = os.listdir("/proc/self/fd") == before
        janitor.dismiss()
        return names, current, left, same

    names, current, left, same = in_child(make)
    assert len(names) == 2
    assert "cfs-janitor" in names
    assert current
    assert (left, same) == (["cfs-janitor"], True)


@needs_namespaces
def test_what_cannot_be_made_leaves_nothing(rootfs_dir: Path) -> None:
    def fail() -> tuple[str, list[str], bool]:
        before = os.listdir("/proc/self/fd")
        janitor = Janitor()
        try:
            Made(request_for(rootfs_dir.with_name("none")), lambda: janitor)
        except FileNotFoundError as error:
            told = str(error)
        janitor.dismiss()
        left = [seen.name for seen in sightings.below(os.getpid())]
        return told, left, os.listdir("/proc/self/fd") == before

    told, left, same = in_child(fail)
    assert "none does not exist" in told
    assert (left, same) == ([], True)
