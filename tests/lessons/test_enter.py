"""12-enter: right answers pass, the usual wrong ones do not, and get a hint."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import libc, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons import enter as lesson
from cfslib.lessons.guests import INTO
from tests.conftest import needs_namespaces
from tests.lessons.conftest import assert_not_yet

pytestmark = [needs_namespaces, pytest.mark.long]
RUNS = "it runs"
IN_ROOT, NO_MAGIC = 0x10, 0x02
Func = Callable[[], Any]


def raise_it(*_: object) -> Any:
    raise ZeroDivisionError("in the answer")


def without_end(*_: object) -> Any:
    while True:
        pass


# A visit


def visit(pid: int, func: Func, kinds: int = INTO) -> Any:
    def go() -> Any:
        namespaces.enter(Namespace(kinds), pid)
        return in_child(func)

    return in_child(go)


def by_files(pid: int, func: Func) -> Any:
    def go() -> Any:
        order = ("user", "uts", "ipc", "pid", "mnt")
        files = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in order]
        for file in files:
            syscalls.setns(file)
        return in_child(func)

    return in_child(go)


def one_after_the_other(pid: int, func: Func) -> Any:
    def go() -> Any:
        namespaces.enter(Namespace.USER, pid)
        for kind in INTO & ~Namespace.USER:
            namespaces.enter(kind, pid)
        return in_child(func)

    return in_child(go)


@pytest.mark.parametrize("answer", [visit, by_files, one_after_the_other])
def test_who_enters_and_has_a_child_is_right(answer: Callable[..., Any]) -> None:
    told = lesson.check_visit(answer)

    assert told.done, told


def without(kind: Namespace) -> Callable[..., Any]:
    return lambda pid, func: visit(pid, func, INTO & ~kind)


def stays(pid: int, func: Func) -> Any:
    return in_child(func)


def returns_nothing(pid: int, func: Func) -> None:
    visit(pid, func)


def has_no_child(pid: int, func: Func) -> Any:
    def go() -> Any:
        namespaces.enter(INTO, pid)
        return func()

    return in_child(go)


def moves_itself(pid: int, func: Func) -> Any:
    namespaces.enter(INTO, pid)
    return in_child(func)


def the_child_enters(pid: int, func: Func) -> Any:
    def go() -> Any:
        namespaces.enter(Namespace.USER | Namespace.PID, pid)
        return in_child(there)

    def there() -> Any:
        namespaces.enter(Namespace.MNT, pid)
        return func()

    return in_child(go)


def opens_on_the_way(pid: int, func: Func) -> Any:
    def go() -> Any:
        for kind in (Namespace.USER, Namespace.MNT, Namespace.UTS):
            syscalls.setns(os.open(namespaces.link(kind, pid), os.O_RDONLY))
        return in_child(func)

    return in_child(go)


VISITS: list[tuple[Callable[..., Any], str, str]] = [
    (stays, "it sees the other host name", "INTO"),
    (without(Namespace.UTS), "it sees the other host name", "INTO"),
    (without(Namespace.IPC), "it sees the other's queues", "IPC"),
    (without(Namespace.MNT), "it sees the other's files", "MNT"),
    (without(Namespace.PID), "it is a process among", "two children"),
    (has_no_child, "it is a process among", "two children"),
    (returns_nothing, "what the function returns", "return that"),
    (moves_itself, "the caller has stayed", "in_child(go)"),
    (opens_on_the_way, RUNS, "open before"),
    (the_child_enters, RUNS, "means nothing in there"),
    (raise_it, RUNS, "in the answer"),
    (without_end, RUNS, "end the loop"),
]


@pytest.mark.parametrize(("answer", "claim", "hint"), VISITS)
def test_a_visit_that_is_none_is_not(
    answer: Callable[..., Any], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_visit(answer), claim, hint)


# Reading


def by_going_in(pid: int, path: str) -> str:
    def go() -> str:
        namespaces.enter(Namespace.USER | Namespace.MNT, pid)
        return Path(path).read_text()

    return in_child(go)


def plain_files_only(pid: int, path: str) -> str:
    def go() -> str:
        namespaces.enter(Namespace.USER | Namespace.MNT, pid)
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise PermissionError(f"{path} is no plain file")
        with open(fd) as file:
            return file.read()

    return in_child(go)


def by_openat2(pid: int, path: str, resolve: int = IN_ROOT) -> str:
    root = os.open(f"/proc/{pid}/root", os.O_PATH)
    try:
        with open(libc.openat2(path, os.O_RDONLY, resolve, root)) as file:
            return file.read()
    finally:
        os.close(root)


def by_a_visit(pid: int, path: str) -> str:
    text: str = visit(pid, lambda: Path(path).read_text())
    return text


def by_chroot(pid: int, path: str) -> str:
    def go() -> str:
        namespaces.enter(Namespace.USER, pid)
        os.chroot(f"/proc/{pid}/root")
        return Path(path).read_text()

    return in_child(go)


@pytest.mark.parametrize(
    "answer", [by_going_in, plain_files_only, by_openat2, by_a_visit, by_chroot]
)
def test_who_is_not_led_out_is_right(answer: Callable[..., str]) -> None:
    told = lesson.check_read_inside(answer)

    assert told.done, told


def from_outside(pid: int, path: str) -> str:
    return Path(f"/proc/{pid}/root{path}").read_text()


def last_link_only(pid: int, path: str) -> str:
    root = f"/proc/{pid}/root"
    while Path(root + path).is_symlink():
        path = os.readlink(root + path)
    return Path(root + path).read_text()


def with_a_default(pid: int, path: str) -> str:
    try:
        return by_going_in(pid, path)
    except FileNotFoundError:
        return ""


def goes_itself(pid: int, path: str) -> str:
    namespaces.enter(Namespace.USER | Namespace.MNT, pid)
    return Path(path).read_text()


READERS: list[tuple[Callable[..., Any], str, str]] = [
    (from_outside, "a link in there", "openat2"),
    (last_link_only, "so does one to a directory", "last name"),
    (with_a_default, "what there is only outside", "/trap"),
    (goes_itself, "the caller has stayed", "in_child(go)"),
    (lambda pid, path: Path(path).read_text(), "it reads a file", "'outside'"),
    (lambda pid, path: by_openat2(pid, path, NO_MAGIC), "it reads a file", "outside"),
    (lambda pid, path: None, "it reads a file", "Return text"),
    (raise_it, RUNS, "in the answer"),
    (without_end, RUNS, "end the loop"),
]


@pytest.mark.parametrize(("answer", "claim", "hint"), READERS)
def test_who_is_led_out_is_not(
    answer: Callable[..., Any], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_read_inside(answer), claim, hint)


# Luggage


def unpack() -> None:
    syscalls.prctl(Prctl.SET_DUMPABLE, 0)
    os.chdir("/")
    libc.close_from(3)


def by_range() -> None:
    os.closerange(3, 4096)
    os.chdir("/tmp/.." if os.path.exists("/tmp") else "/")
    libc.prctl(Prctl.SET_DUMPABLE, 0)


@pytest.mark.parametrize("answer", [unpack, by_range])
def test_who_has_no_file_of_the_hosts_is_right(answer: Callable[[], None]) -> None:
    told = lesson.check_unpack(answer)

    assert told.done, told


def stays_outside() -> None:
    os.chdir(".")
    libc.close_from(3)
    syscalls.prctl(Prctl.SET_DUMPABLE, 0)


def closes_few() -> None:
    os.closerange(3, 20)
    os.chdir("/")
    syscalls.prctl(Prctl.SET_DUMPABLE, 0)


def closes_all() -> None:
    os.chdir("/")
    libc.close_from(0)
    syscalls.prctl(Prctl.SET_DUMPABLE, 0)


def can_be_seen() -> None:
    os.chdir("/")
    libc.close_from(3)


LUGGAGE: list[tuple[Callable[..., Any], str, str]] = [
    (lambda: os.chdir("."), "its `.` is a directory in there", "os.chdir"),
    (stays_outside, "its `.` is a directory in there", "os.chdir"),
    (lambda: os.chdir("/"), "nothing of the host is open", "close_from"),
    (closes_few, "nothing of the host is open", " are still open"),
    (closes_all, "its three standard streams", "Begin with 3"),
    (can_be_seen, "nobody inside", "SET_DUMPABLE"),
    (lambda: os._exit(0), RUNS, "ended"),
    (raise_it, RUNS, "in the answer"),
    (without_end, RUNS, "end the loop"),
]


@pytest.mark.parametrize(("answer", "claim", "hint"), LUGGAGE)
def test_who_has_is_not(answer: Callable[..., Any], claim: str, hint: str) -> None:
    assert_not_yet(lesson.check_unpack(answer), claim, hint)


def test_nothing_of_an_answer_is_left_here() -> None:
    before = socket.gethostname(), os.stat("/").st_ino, os.listdir("/proc/self/fd")
    lesson.check_visit(moves_itself)
    lesson.check_unpack(unpack)

    assert (socket.gethostname(), os.stat("/").st_ino) == before[:2]
    assert len(os.listdir("/proc/self/fd")) == len(before[2])
