"""Namespaces: which parts of the machine a process has to itself."""

import fcntl
import os
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.conftest import needs_namespaces, needs_root, own_world

NS_GET_NSTYPE = 0xB703  # ioctl_nsfs(2): which kind of namespace is this?
FOR_CHILDREN = [Namespace.PID, Namespace.TIME]
AT_ONCE = [kind for kind in Namespace if kind not in FOR_CHILDREN]


@contextmanager
def process_in(flags: Namespace, hostname: str | None = None) -> Generator[int]:
    """Keep a process in namespaces of its own; yield its pid."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            own_world(flags)
            if hostname:
                syscalls.sethostname(hostname)
            os.write(told, b"!")
            signal.pause()
        finally:
            os._exit(1)
    os.close(told)
    try:
        assert os.read(ready, 1), "the process could not unshare"
        yield pid
    finally:
        os.close(ready)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.parametrize("namespace", Namespace)
def test_the_kernel_agrees_with_every_flag(namespace: Namespace) -> None:
    with open(namespaces.link(namespace)) as file:
        assert fcntl.ioctl(file, NS_GET_NSTYPE) == namespace


def test_every_namespace_that_the_kernel_has_is_known() -> None:
    files = {
        name for name in os.listdir("/proc/self/ns") if not name.endswith("_children")
    }

    assert files == {str(namespace).lower() for namespace in Namespace}


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (Namespace.UTS, "UTS"),
        (Namespace.PID | Namespace.UTS, "UTS|PID"),
        (Namespace(0), "none"),
    ],
    ids=str,
)
def test_flags_print_by_name(flags: Namespace, text: str) -> None:
    assert str(flags) == text


@needs_namespaces
@pytest.mark.parametrize("namespace", AT_ONCE, ids=str)
def test_unshare_changes_the_namespace_it_names(namespace: Namespace) -> None:
    def changed() -> set[Namespace]:
        before = namespaces.snapshot()
        own_world(namespace)
        after = namespaces.snapshot()
        return {kind for kind in Namespace if before[kind] != after[kind]}

    extra = set() if os.geteuid() == 0 else {Namespace.USER}
    assert in_child(changed) == {namespace} | extra


@needs_namespaces
@pytest.mark.parametrize("namespace", FOR_CHILDREN, ids=str)
def test_some_namespaces_are_for_the_next_child(namespace: Namespace) -> None:
    def moved() -> tuple[bool, bool]:
        before = namespaces.inode(namespace)
        own_world(namespace)
        ours = namespaces.inode(namespace)
        return ours != before, in_child(lambda: namespaces.inode(namespace)) != before

    assert in_child(moved) == (False, True)


def test_a_child_shares_everything_with_us() -> None:
    us = os.getpid()

    def same() -> dict[Namespace, bool | None]:
        return namespaces.shared(us)

    assert set(in_child(same).values()) == {True}


@needs_namespaces
def test_shared_tells_what_two_processes_have_apart() -> None:
    with process_in(Namespace.UTS | Namespace.IPC) as pid:
        apart = {kind for kind, same in namespaces.shared(pid).items() if not same}

    extra = set() if os.geteuid() == 0 else {Namespace.USER}
    assert apart == {Namespace.UTS, Namespace.IPC} | extra


def test_what_is_hidden_is_none() -> None:
    def look_at_a_stranger() -> set[int | None]:
        syscalls.prctl(syscalls.Prctl.SET_DUMPABLE, 0)
        us = os.getpid()
        return in_child(lambda: _as_nobody(us))

    hidden = in_child(look_at_a_stranger)

    assert hidden == {None}


def _as_nobody(pid: int) -> set[int | None]:
    if os.geteuid() == 0:
        os.setresuid(65534, 65534, 65534)
    assert set(namespaces.shared(pid).values()) == {None}
    return set(namespaces.snapshot(pid).values())


def test_a_process_that_is_gone_has_no_namespaces() -> None:
    pid = in_child(os.getpid)

    with pytest.raises(FileNotFoundError):
        namespaces.snapshot(pid)


@needs_root
def test_entering_a_namespace_of_another_shows_what_it_sees() -> None:
    def hostname() -> str:
        namespaces.enter(Namespace.UTS, pid)
        return socket.gethostname()

    with process_in(Namespace.UTS, "elsewhere") as pid:
        seen = in_child(hostname)

    assert seen == "elsewhere"
    assert socket.gethostname() != "elsewhere"


@needs_namespaces
def test_entering_the_user_namespace_first_lets_anybody_into_the_others() -> None:
    if os.geteuid() == 0:
        pytest.skip("needs an ordinary user")

    def hostname() -> str:
        namespaces.enter(Namespace.USER | Namespace.UTS, pid)
        return socket.gethostname()

    with process_in(Namespace.UTS, "elsewhere") as pid:
        assert in_child(hostname) == "elsewhere"


@needs_namespaces
def test_a_pid_namespace_is_entered_by_the_next_child() -> None:
    def enter() -> tuple[bool, int]:
        own_world(0)
        first = syscalls.clone(Namespace.PID)
        if first == 0:
            syscalls.prctl(syscalls.Prctl.SET_PDEATHSIG, signal.SIGKILL)
            signal.pause()
        before = namespaces.inode(Namespace.PID)
        namespaces.enter(Namespace.PID, first)
        stayed = namespaces.inode(Namespace.PID) == before
        return stayed, in_child(os.getpid)

    assert in_child(enter) == (True, 2)
