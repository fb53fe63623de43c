"""Capabilities: the rights of root, one at a time."""

import re
import subprocess
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities
from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from tests.conftest import needs_namespaces, own_world

SETS = ("CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb")


def sets() -> dict[str, int]:
    status = procfs.status()
    return {name: int(status[name], 16) for name in SETS}


def bits(kept: set[Capability]) -> int:
    return sum(1 << capability for capability in kept)


@pytest.mark.parametrize("capability", Capability)
def test_the_header_agrees_with_every_number(capability: Capability) -> None:
    header = Path("/usr/include/linux/capability.h")
    if not header.exists():
        pytest.skip(f"needs {header}")

    found = re.search(rf"#define CAP_{capability}\s+(\d+)", header.read_text())

    assert found
    assert int(found[1]) == capability


def test_every_capability_of_this_kernel_has_a_name() -> None:
    assert capabilities.last_known() <= max(Capability)


@needs_namespaces
@pytest.mark.parametrize(
    "kept",
    [set(), {Capability.CHOWN}, {Capability.CHECKPOINT_RESTORE}, set(DEFAULT)],
    ids=["none", "first", "last", "default"],
)
def test_the_kernel_keeps_only_what_was_named(kept: set[Capability]) -> None:
    def keep() -> tuple[int, dict[str, int]]:
        own_world(0)
        before = sets()["CapPrm"]
        capabilities.keep_only(kept)
        return before, sets()

    before, after = in_child(keep)
    possible = bits(kept) & before

    assert after == {
        "CapBnd": possible,
        "CapPrm": possible,
        "CapEff": possible,
        "CapInh": 0,
        "CapAmb": 0,
    }


@needs_namespaces
def test_exec_as_root_does_not_bring_back_what_was_dropped() -> None:
    def after_exec() -> str:
        own_world(0)
        capabilities.keep_only({Capability.CHOWN})
        return subprocess.check_output(["cat", "/proc/self/status"], text=True)

    status = procfs.parse_status(in_child(after_exec))

    assert int(status["CapEff"], 16) == bits({Capability.CHOWN})


@needs_namespaces
def test_a_right_that_was_dropped_is_refused(tmp_path: Path) -> None:
    def try_to_mount() -> None:
        own_world(Namespace.MNT)
        capabilities.keep_only(DEFAULT)
        syscalls.mount("x", tmp_path, "tmpfs")

    with pytest.raises(PermissionError, match="mount"):
        in_child(try_to_mount)


@needs_namespaces
def test_what_we_lack_is_not_gained_by_keeping_it() -> None:
    def keep_twice() -> int:
        own_world(0)
        capabilities.keep_only({Capability.CHOWN, Capability.SETPCAP})
        capabilities.keep_only(Capability)
        return sets()["CapEff"]

    assert in_child(keep_twice) == bits({Capability.CHOWN, Capability.SETPCAP})


@pytest.mark.parametrize(
    "capability",
    ["SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "MKNOD", "DAC_READ_SEARCH"],
)
def test_a_right_that_undoes_a_container_is_not_among_the_defaults(
    capability: str,
) -> None:
    assert Capability[capability] not in DEFAULT


@needs_namespaces
def test_who_gains_no_more_gains_nothing_by_exec() -> None:
    def gain() -> tuple[int, str]:
        own_world(0)
        capabilities.gain_no_more()
        before = sets()["CapEff"]
        return before, subprocess.check_output(["cat", "/proc/self/status"], text=True)

    before, status = in_child(gain)
    after = procfs.parse_status(status)

    assert after["NoNewPrivs"] == "1"
    assert int(after["CapEff"], 16) == before  # root stays root: it gains nothing by it
