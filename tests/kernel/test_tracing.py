"""The record of what the kernel was asked, and what it answered."""

import errno
import marshal
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.mounts import MountFlag
from cfslib.kernel import syscalls, tracing
from cfslib.kernel.syscalls import Prctl, Resource
from cfslib.kernel.tracing import ask, trace


def test_a_call_is_written_down_as_it_was_made() -> None:
    with trace() as calls:
        ask("chdir", os.chdir, path=Path("."))

    assert [str(call) for call in calls] == ['chdir(".") = 0']
    assert calls[0].pid == os.getpid()
    assert calls[0].microseconds > 0


def test_a_refused_call_is_written_down_too() -> None:
    with trace() as calls, pytest.raises(FileNotFoundError):
        ask("chdir", os.chdir, path="/no/such/place")

    assert [str(call) for call in calls] == ['chdir("/no/such/place") = -1 ENOENT']


def test_a_refusal_is_pythons_own_error_with_the_call_as_its_text() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        ask("mount", os.rmdir, target="/no/such/place")

    assert caught.value.errno == errno.ENOENT
    assert caught.value.strerror == (
        'mount("/no/such/place"): No such file or directory'
    )
    assert caught.value.__notes__[0].startswith("Hint: ")


def test_without_a_hint_there_is_no_note() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        ask("rmdir", os.rmdir, path="/no/such/place")

    assert not hasattr(caught.value, "__notes__")


def test_the_result_comes_back() -> None:
    assert ask("dup", lambda: 7) == 7
    assert ask("nothing", lambda: None) == 0


def test_text_with_a_nul_never_reaches_the_kernel() -> None:
    reached: list[object] = []

    with pytest.raises(ValueError, match="NUL"):
        ask("chdir", reached.append, path="/tmp\0/etc")
    assert not reached


def test_text_reaches_the_kernel_byte_for_byte() -> None:
    name = os.fsdecode(b"\xff \xc3\xbc")
    reached: list[bytes] = []

    ask("chdir", reached.append, path=name)

    assert reached == [b"\xff \xc3\xbc"]


def test_traces_can_be_nested() -> None:
    with trace() as outer:
        ask("one", lambda: None)
        with trace() as inner:
            ask("two", lambda: None)
        ask("three", lambda: None)

    assert [call.name for call in outer] == ["one", "two", "three"]
    assert [call.name for call in inner] == ["two"]


def test_nothing_is_recorded_after_the_block() -> None:
    with trace() as calls:
        pass
    ask("late", lambda: None)

    assert calls == []


def test_a_trace_ends_even_by_an_error() -> None:
    with pytest.raises(FileNotFoundError), trace() as calls:
        ask("chdir", os.chdir, path="/no/such/place")
    ask("late", lambda: None)

    assert [call.name for call in calls] == ["chdir"]


def test_calls_made_elsewhere_can_be_added() -> None:
    with trace() as elsewhere:
        ask("far", lambda: None)
    with trace() as calls:
        tracing.record(elsewhere)

    assert calls == elsewhere


def test_a_trace_prints_as_a_table() -> None:
    with trace() as calls:
        ask("chdir", os.chdir, path=".")
    head, row = str(calls).split("\n")

    assert head.split() == ["us", "pid", "call"]
    assert row.split()[1:] == [str(os.getpid()), 'chdir(".")', "=", "0"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "NULL"),
        ("text", '"text"'),
        (Path("/a b"), '"/a b"'),
        ("two\nlines", r'"two\nlines"'),
        ("\x1b[2J", r'"\x1b[2J"'),
        (os.fsdecode(b"\xff"), r'"\udcff"'),
        (7, "7"),
        (0x10000000, "0x10000000"),
        (MountFlag.REC | MountFlag.PRIVATE, "REC|PRIVATE"),
        (Prctl.SET_NAME, "SET_NAME"),
        (["sh", "-c"], '["sh", "-c"]'),
    ],
    ids=ascii,
)
def test_arguments_are_shown_as_c_would_write_them(value: object, shown: str) -> None:
    assert tracing.written("call", {"value": value}) == f"call({shown})"


def test_ids_and_limits_are_shown_as_people_count() -> None:
    def refused(call: Callable[..., None], *arguments: object) -> str:
        with pytest.raises(OSError, match=call.__name__) as caught:
            in_child(lambda: asked_by_nobody(call, *arguments))
        return str(caught.value.strerror).partition(":")[0]

    def asked_by_nobody(call: Callable[..., None], *arguments: object) -> None:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        call(*arguments)

    assert refused(syscalls.setuid, 70000) == "setuid(70000)"
    assert refused(syscalls.setgid, 2**32 - 2) == "setgid(4294967294)"
    assert refused(syscalls.setgroups, [70000, 0]) == "setgroups([70000, 0])"
    nproc = Resource.NPROC
    assert refused(syscalls.setrlimit, nproc, 80000, 70000).endswith("80000, 70000)")
    assert (
        tracing.written("setrlimit", {"soft": 2**64 - 1}) == f"setrlimit(0x{'f' * 16})"
    )


def test_a_call_can_be_sent_as_plain_values() -> None:
    flags = MountFlag.REC | MountFlag.PRIVATE
    with trace() as calls:
        ask("mount", lambda *_: 0, source=None, target=Path("/"), flags=flags, data=7)
    sent = marshal.dumps(tracing.as_plain(calls[0]))

    came = tracing.from_plain(marshal.loads(sent))
    assert str(came) == 'mount(NULL, "/", REC|PRIVATE, 7) = 0'
    assert isinstance(came.arguments["flags"], MountFlag)
    assert came.microseconds == calls[0].microseconds


def test_whoever_wants_to_is_told_after_each_call_that_succeeds() -> None:
    def told() -> list[str]:
        names: list[str] = []
        tracing.after_call.append(names.append)
        ask("one", lambda: None)
        with pytest.raises(FileNotFoundError):
            ask("chdir", os.chdir, path="/no/such/place")
        return names

    assert in_child(told) == ["one"]
