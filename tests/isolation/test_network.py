import errno
import socket
import subprocess
from collections.abc import Callable

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import network
from cfslib.isolation.namespaces import Namespace
from cfslib.runtime.run import capture
from cfslib.runtime.spec import NAMESPACES, Spec
from tests.conftest import needs_namespaces, own_world

pytestmark = needs_namespaces

IO_URING_SETUP = 425


@pytest.mark.parametrize("up", [False, True])
def test_a_program_reaches_itself_once_lo_is_up(up: bool) -> None:
    def talk() -> bytes:
        own_world(Namespace.NET)
        if up:
            network.bring_up()
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
        network.bring_up()
        network.bring_up()
        return subprocess.check_output(["ip", "-o", "link"], text=True)

    assert "UP" in in_child(flags)


def refused(family: int) -> Callable[[], list[int]]:
    """Return what tries sockets with a filter: errno, or 0, of each family."""

    def tried() -> list[int]:
        own_world(0)
        network.refuse(family)
        return [_attempt(each) for each in (socket.AF_UNIX, socket.AF_INET, 40)]

    return tried


def _attempt(family: int) -> int:
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
    except OSError as error:
        return error.errno or 0
    return 0


def test_sockets_of_one_family_are_refused_and_no_others() -> None:
    assert in_child(refused(socket.AF_INET))[:2] == [0, errno.EAFNOSUPPORT]
    assert in_child(refused(network.VSOCK)) == [0, 0, errno.EAFNOSUPPORT]


def test_what_opens_sockets_where_no_filter_looks_is_not_there() -> None:
    def tried() -> list[int]:
        own_world(0)
        errors = []
        for filtered in (False, True):
            if filtered:
                network.refuse(network.VSOCK)
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
    monkeypatch.setattr(network, "_CALLS", {})

    with pytest.raises(OSError, match="are unknown"):
        network.refuse(network.VSOCK)


def test_a_container_without_a_network_reaches_itself_alone() -> None:
    program = "ip -o addr; grep Seccomp: /proc/self/status"
    spec = Spec(["sh", "-c", program], namespaces=NAMESPACES | Namespace.NET)
    lines = capture(spec).stdout.splitlines()

    assert any("127.0.0.1/8" in line for line in lines)
    assert {line.split()[1] for line in lines[:-1]} == {"lo"}
    assert lines[-1].split() == ["Seccomp:", "2"]
