import ctypes
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfslib.children.in_child import in_child
from cfslib.isolation import seccomp
from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.isolation.seccomp import bpf, calls, compiled, default, machine, meaning
from cfslib.isolation.seccomp.data import X32_BIT, SeccompData
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from tests.isolation.seccomp import x86

MAKER = Path(__file__).parents[3] / ".make/filter.py"
NAMES = sorted({name for group in default.GROUPS for name in group.names})
KNOWN = calls.machine() in calls.SETS
ARGUMENTS = [(0, 0), (1, 0x5412), (1, 1 << 32 | 0x5412), (38, 0x541C), (1 << 32 | 38,)]
pytestmark = pytest.mark.skipif(not KNOWN, reason="no filter for this machine yet")


def test_what_is_kept_is_what_the_compiler_makes() -> None:
    done = subprocess.run([sys.executable, MAKER], capture_output=True, text=True)

    assert done.stdout == Path(compiled.__file__).read_text()


@pytest.mark.parametrize("name", calls.SETS)
def test_the_kernel_would_take_it(name: str) -> None:
    machine.check(bpf.unpack(compiled.PROGRAMS[name]))


@pytest.mark.alike
@settings(max_examples=15)
@given(st.sets(st.sampled_from(sorted(Capability))), st.data())
def test_it_says_what_its_groups_say(
    capabilities: set[Capability], data: st.DataObject
) -> None:
    ours = calls.machine()
    program = bpf.unpack(seccomp.default_filter(capabilities))
    profile = default.profile(capabilities)
    for each in calls.SETS[ours]:
        numbers = [calls.numbers(each).get(name, 9999) for name in NAMES]
        for number in [*numbers, 0, 500, X32_BIT, data.draw(st.integers(0, 600))]:
            args = data.draw(st.sampled_from(ARGUMENTS))
            call = SeccompData(number, args, calls.ARCHES[each])
            assert machine.run(program, call) == meaning.answer(profile, call)


def test_every_group_has_a_reason_and_calls() -> None:
    for group in default.GROUPS:
        assert group.reason
        assert set(group.names) <= calls.every_name()
    assert len(NAMES) == sum(len(group.names) for group in default.GROUPS)


def answer(
    name: str, *args: int, capabilities: Collection[Capability] = DEFAULT
) -> str:
    """Return what the filter says about a call on this machine."""
    program = bpf.unpack(seccomp.default_filter(capabilities))
    ours = calls.machine()
    data = SeccompData(calls.numbers(ours)[name], args, calls.ARCHES[ours])
    return str(machine.run(program, data))


def test_a_capability_opens_what_is_its_business() -> None:
    assert answer("reboot") == "ERRNO(EPERM)"
    assert answer("reboot", capabilities={Capability.SYS_BOOT}) == "ALLOW"
    assert answer("bpf", capabilities={Capability.SYS_ADMIN}) == "ALLOW"
    assert answer("add_key", capabilities=set(Capability)) == "ERRNO(EPERM)"


def test_containers_in_containers_can_be_made() -> None:
    making = "mount umount2 unshare setns clone clone3 pivot_root chroot open_tree"
    for name in f"{making} move_mount fsopen mount_setattr ptrace seccomp".split():
        assert answer(name) == "ALLOW"
    assert answer("keyctl", 1) == "ALLOW"
    assert answer("keyctl", 0) == answer("keyctl", 1 << 32 | 1) == "ERRNO(EPERM)"


def test_processes_in_here_may_be_looked_into() -> None:
    looking = "ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp move_pages"
    for name in f"{looking} migrate_pages process_madvise mbind".split():
        assert answer(name) == "ALLOW"


def test_nothing_is_typed_into_a_terminal_whatever_the_upper_half() -> None:
    for request in default.TIOCSTI, default.TIOCLINUX:
        assert answer("ioctl", 0, request) == "ERRNO(EPERM)"
        assert answer("ioctl", 0, 7 << 32 | request) == "ERRNO(EPERM)"
        assert answer("ioctl", 0, request + 1) == "ALLOW"


def test_of_all_kinds_of_sockets_one_is_not_there() -> None:
    kinds = range(-1, 60)
    refused = [kind for kind in kinds if answer("socket", kind % 2**64) != "ALLOW"]

    assert refused == [default.ALG] == [int(socket.AF_ALG)]
    assert answer("socket", 7 << 32 | default.ALG) == "ERRNO(EAFNOSUPPORT)"
    assert answer("socketpair", default.ALG) == "ALLOW"  # which the kernel refuses


def under_it(number: int, *args: int) -> int:
    """Make a call under the filter; return 0 or errno."""
    syscall = ctypes.CDLL(None, use_errno=True).syscall

    def child() -> int:
        _load()
        return ctypes.get_errno() if syscall(number, *args) == -1 else 0

    return in_child(child)


def _load() -> None:
    syscalls.prctl(Prctl.SET_NO_NEW_PRIVS, 1)
    seccomp.filter_calls(seccomp.default_filter(DEFAULT))


REFUSED = [name for name in NAMES if name in calls.numbers(calls.machine())]


@pytest.mark.parametrize("name", REFUSED)
def test_the_kernel_refuses_it(name: str) -> None:
    group = next(it for it in default.GROUPS if name in it.names)
    args = {"ioctl": (0, 0x5412), "socket": (default.ALG,)}.get(name, [-1] * 6)

    number = calls.numbers(calls.machine())[name]
    assert under_it(number, *args) == group.action.data


def test_a_call_of_a_newer_kernel_is_not_there() -> None:
    assert under_it(1000) == errno.ENOSYS


@x86.needs_32_bits
def test_calls_of_32_bits_are_filtered_by_their_own_numbers() -> None:
    numbers = calls.numbers("i386")

    def child() -> tuple[int, int, int]:
        _load()
        ours = x86.call(numbers["getpid"]) == os.getpid()
        return ours, x86.call(numbers["add_key"]), x86.call(1000)

    assert in_child(child) == (True, -errno.EPERM, -errno.ENOSYS)


@x86.needs_32_bits
def test_x32_is_not_there() -> None:
    assert under_it(X32_BIT | calls.numbers("x86_64")["getpid"]) == errno.ENOSYS


def test_a_machine_that_is_unknown_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "PROGRAMS", {})

    with pytest.raises(OSError, match="unknown") as caught:
        seccomp.default_filter(DEFAULT)
    assert "seccomp=unconfined" in caught.value.__notes__[0]
