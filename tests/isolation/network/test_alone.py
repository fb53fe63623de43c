import errno
import socket
import subprocess

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import seccomp
from cfslib.isolation.namespaces import Namespace
from cfslib.isolation.network import alone
from cfslib.isolation.seccomp import bpf, calls, compiled, default, machine
from cfslib.isolation.seccomp.data import Action, SeccompData
from cfslib.runtime.run import capture
from cfslib.runtime.spec import NAMESPACES, Spec
from tests.conftest import needs_namespaces, own_world

pytestmark = needs_namespaces

IO_URING_SETUP = 425
FAMILIES = socket.AF_UNIX, socket.AF_INET, default.VSOCK


@pytest.mark.parametrize("up", [False, True])
def test_a_program_reaches_itself_once_lo_is_up(up: bool) -> None:
    def talk() -> bytes:
        own_world(Namespace.NET)
        if up:
            alone.bring_up()
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        client.sendall(b"heard")
        return server.accept()[0].recv(5)

    if up:
        assert in_child(talk) == b"heard"
    else:
        with pytest.raises(OSError, match="unreachable"):
            in_child(talk)


def test_lo_comes_up_twice_as_well_as_once() -> None:
    def flags() -> str:
        own_world(Namespace.NET)
        alone.bring_up()
        alone.bring_up()
        return subprocess.check_output(["ip", "-o", "link"], text=True)

    assert "UP" in in_child(flags)


def refused() -> list[int]:
    """Try sockets with the filter; return errno, or 0, of each family."""
    own_world(0)
    seccomp.filter_calls(seccomp.filter_alone())
    return [_attempt(each) for each in FAMILIES]


def _attempt(family: int) -> int:
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
    except OSError as error:
        return error.errno or 0
    return 0


def test_sockets_of_one_family_are_refused_and_no_others() -> None:
    assert in_child(refused) == [0, 0, errno.EAFNOSUPPORT]


@pytest.mark.parametrize("name", compiled.ALONE)
def test_so_it_is_on_every_machine(name: str) -> None:
    program = bpf.unpack(compiled.ALONE[name])
    machine.check(program)
    for each in calls.SETS[name]:
        number = calls.numbers(each)["socket"]
        families = [*FAMILIES, default.VSOCK | 1 << 32]  # the kernel sees 32 bits
        asked = [SeccompData(number, [one], calls.ARCHES[each]) for one in families]
        no_such = Action.ERRNO | errno.EAFNOSUPPORT
        answers = [machine.run(program, one) for one in asked]
        assert answers == [Action.ALLOW, Action.ALLOW, no_such, no_such]


def test_what_opens_sockets_where_no_filter_looks_is_not_there() -> None:
    def tried() -> list[int]:
        own_world(0)
        errors = []
        for filtered in (False, True):
            if filtered:
                seccomp.filter_calls(seccomp.filter_alone())
            errors.append(_io_uring())
        return errors

    before, after = in_child(tried)

    assert before in (errno.EFAULT, errno.EPERM, errno.ENOSYS)  # as the machine has it
    assert after == errno.ENOSYS


def _io_uring() -> int:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(IO_URING_SETUP, 1, None) == -1
    return ctypes.get_errno()


def test_a_filter_for_an_unknown_machine_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "ALONE", {})

    with pytest.raises(OSError, match="are unknown") as caught:
        seccomp.filter_alone()
    assert "--network host" in caught.value.__notes__[0]


def test_a_container_without_a_network_reaches_itself_alone() -> None:
    program = "ip -o addr; grep Seccomp: /proc/self/status"
    spec = Spec(["sh", "-c", program], namespaces=NAMESPACES | Namespace.NET)
    lines = capture(spec).stdout.splitlines()

    assert any("127.0.0.1/8" in line for line in lines)
    assert {line.split()[1] for line in lines[:-1]} == {"lo"}
    assert lines[-1].split() == ["Seccomp:", "2"]
