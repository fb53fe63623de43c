"""11-seccomp: right answers pass, the usual wrong ones do not, and get a hint."""

import errno
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cfslib.isolation.seccomp.bpf import Instruction, and_, jeq, jge, ld, ret
from cfslib.isolation.seccomp.data import (
    ARCH,
    NR,
    Action,
    Arch,
    args,
    args_high,
    our_arch,
)
from cfslib.isolation.seccomp.notify import Waiting
from cfslib.lessons import seccomp as lesson
from cfslib.lessons.seccomp import Filter, number
from tests.lessons.conftest import assert_not_yet

pytestmark = pytest.mark.long

RUNS = "it runs"
NO, YES = ret(Action.ERRNO | errno.EPERM), ret(Action.ALLOW)
KILL = number("kill")


def raise_it() -> Any:
    raise ZeroDivisionError("in the answer")


def without_end(*_: object) -> Any:
    while True:
        pass


# A filter by hand


def filtered(
    *middle: Instruction | str,
    arch: tuple[Instruction | str, ...] = (ld(ARCH), jeq(our_arch(), 0, "no")),
    end: tuple[Instruction | str, ...] = ("yes", YES, "no", NO),
) -> Callable[[], Filter]:
    return lambda: [*arch, *middle, *end]


SIGNAL = (ld(NR), jeq(KILL, 0, "yes"), ld(args(1)), jeq(9, "no", "yes"))
RIGHT = {
    "with labels": filtered(*SIGNAL),
    "with numbers": lambda: [
        ld(ARCH),
        jeq(our_arch(), 0, 5),
        ld(NR),
        jeq(KILL, 0, 2),
        ld(args(1)),
        jeq(9, 1, 0),
        YES,
        NO,
    ],
    "killed on another processor": filtered(
        *SIGNAL,
        arch=(ld(ARCH), jeq(our_arch(), 1, 0), ret(Action.KILL_PROCESS)),
    ),
    "the number first": filtered(
        ld(NR), jeq(KILL, 0, "yes"), ld(args(1)), jeq(9, "no", "yes")
    ),
    "written down": filtered(*SIGNAL, end=("yes", ret(Action.LOG), "no", NO)),
    "all lower bits, by hand": filtered(
        ld(NR), jeq(KILL, 0, "yes"), ld(args(1)), and_(0xFFFF_FFFF), jeq(9, "no", "yes")
    ),
}


@pytest.mark.parametrize("answer", RIGHT.values(), ids=RIGHT)
def test_a_filter_that_refuses_sigkill_is_right(answer: Callable[[], Filter]) -> None:
    told = lesson.check_no_kill(answer)

    assert told.done, told


TAKEN = "the kernel takes it as a filter"
REFUSED = "SIGKILL is refused, with EPERM"
SIGNALS = "other signals arrive"
REST = "so do all other calls"
HALF = "a number of 64 bits that means SIGKILL is refused, too"
FOREIGN = "calls for another processor do not get through"
WRONG: list[tuple[str, Callable[[], Any], str, str]] = [
    ("no processor", filtered(*SIGNAL, arch=()), FOREIGN, "our_arch"),
    (
        "the upper half as well",
        filtered(*SIGNAL[:2], ld(args_high(1)), jeq(0, 0, "yes"), *SIGNAL[2:]),
        HALF,
        "lower half",
    ),
    (
        "every signal",
        filtered(ld(NR), jeq(KILL, "no", "yes")),
        SIGNALS,
        "second argument",
    ),
    (
        "the first argument",
        filtered(*SIGNAL[:2], ld(args(0)), jeq(9, "no", "yes")),
        REFUSED,
        "It is allowed",
    ),
    (
        "every call that has 9 there",
        filtered(ld(args(1)), jeq(9, "no", "yes")),
        REST,
        "would be refused",
    ),
    (
        "signals from 9 on",
        filtered(*SIGNAL[:3], jge(9, "no", "yes")),
        SIGNALS,
        "second argument",
    ),
    (
        "another errno",
        filtered(*SIGNAL, end=("yes", YES, "no", ret(Action.ERRNO | errno.EACCES))),
        REFUSED,
        "ERRNO(EACCES)",
    ),
    (
        "it kills",
        filtered(*SIGNAL, end=("yes", YES, "no", ret(Action.KILL_PROCESS))),
        REFUSED,
        "KILL_PROCESS",
    ),
    (
        "some bits of it",
        filtered(*SIGNAL[:3], and_(15), jeq(9, "no", "yes")),
        SIGNALS,
        "",
    ),
    (
        "9 to 14",
        filtered(*SIGNAL[:3], jge(9, 0, "yes"), jge(15, "yes", "no")),
        SIGNALS,
        "second argument",
    ),
    (
        "those processors that one knows",
        filtered(
            *SIGNAL,
            arch=(
                ld(ARCH),
                *[jeq(arch, "no", 0) for arch in Arch if arch != our_arch()],
            ),
        ),
        FOREIGN,
        "our_arch",
    ),
    (
        "a name for a number",
        filtered(ld(NR), jeq("kill", 0, "yes")),  # type: ignore[arg-type]
        TAKEN,
        "`numbers`",
    ),
    ("the wrong way round", filtered(*SIGNAL[:3], jeq(9, "yes", "no")), REFUSED, ""),
    ("everything", lambda: [YES], REFUSED, "It is allowed"),
    ("nothing", lambda: [NO], REFUSED, "other calls"),
    ("no end", lambda: list(SIGNAL[:1]), TAKEN, "has to be a ret"),
    ("a jump too far", lambda: [jeq(1, 9, 9), YES], TAKEN, "jumps to 10"),
    ("a label too few", lambda: list(SIGNAL), TAKEN, "no label 'yes'"),
    ("what was handed out", lambda: None, TAKEN, "Return a list"),
    ("numbers", lambda: [1, 2], TAKEN, "is no instruction"),
    ("raises", raise_it, RUNS, "in the answer"),
    ("no end to it", without_end, RUNS, "end the loop"),
]


@pytest.mark.parametrize(
    ("answer", "claim", "hint"),
    [row[1:] for row in WRONG],
    ids=[row[0] for row in WRONG],
)
def test_a_filter_that_does_not_is_not(
    answer: Callable[[], Any], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_no_kill(answer), claim, hint)


# A supervisor that counts


def same(call: Waiting, before: list[Waiting]) -> int:
    return sum(other.data.nr == call.data.nr for other in before)


def three_times(call: Waiting, before: list[Waiting]) -> None:
    if same(call, before) >= 3:
        raise OSError(errno.EAGAIN, "not so often")


def as_a_blocking_error(call: Waiting, before: list[Waiting]) -> None:
    if len([b for b in before if b.data.nr == call.data.nr]) > 2:
        raise BlockingIOError(errno.EAGAIN, "not so often")


def returns_minus_errno(call: Waiting, before: list[Waiting]) -> int | None:
    return -errno.EAGAIN if same(call, before) >= 3 else None  # as the kernel does


@pytest.mark.parametrize(
    "answer", [three_times, as_a_blocking_error, returns_minus_errno]
)
def test_a_supervisor_that_counts_is_right(answer: Callable[..., Any]) -> None:
    told = lesson.check_answer(answer)

    assert told.done, told


def counts_all(call: Waiting, before: list[Waiting]) -> None:
    if len(before) >= 3:
        raise OSError(errno.EAGAIN, "x")


def one_too_many(call: Waiting, before: list[Waiting]) -> None:
    if same(call, before) > 3:
        raise OSError(errno.EAGAIN, "x")


def one_too_few(call: Waiting, before: list[Waiting]) -> None:
    if same(call, before) >= 2:
        raise OSError(errno.EAGAIN, "x")


def answers_zero(call: Waiting, before: list[Waiting]) -> int:
    three_times(call, before)
    return 0


def returns_the_errno(call: Waiting, before: list[Waiting]) -> int | None:
    return errno.EAGAIN if same(call, before) >= 3 else None


def another_errno(call: Waiting, before: list[Waiting]) -> None:
    if same(call, before) >= 3:
        raise OSError(errno.EPERM, "x")


def raises_something_else(call: Waiting, before: list[Waiting]) -> None:
    raise ValueError("too often")


def returns_a_word(call: Waiting, before: list[Waiting]) -> Any:
    return "yes"


def returns_an_error(call: Waiting, before: list[Waiting]) -> Any:
    return OSError(errno.EAGAIN, "x") if same(call, before) >= 3 else None


def one_argument(call: Waiting) -> None:
    pass


FIRST = "the first time, the kernel answers"
THREE = "so it does three times for each call"
FOURTH = "the fourth time it fails, with EAGAIN"
SUPERVISORS: list[tuple[Callable[..., Any], str, str]] = [
    (counts_all, THREE, "data.nr"),
    (one_too_many, FOURTH, "It goes on"),
    (one_too_few, THREE, "too early"),
    (answers_zero, FIRST, "Return None"),
    (returns_the_errno, FOURTH, "raise"),
    (another_errno, FOURTH, "another error"),
    (lambda call, before: None, FOURTH, "It goes on"),
    (raises_something_else, RUNS, "too often"),
    (returns_a_word, RUNS, "Return a number"),
    (returns_an_error, RUNS, "raised"),
    (one_argument, RUNS, "signature"),
    (lambda call, before: 2**70, RUNS, "int"),
    (without_end, RUNS, "end the loop"),
]


@pytest.mark.parametrize(("answer", "claim", "hint"), SUPERVISORS)
def test_a_supervisor_that_does_not_is_not(
    answer: Callable[..., Any], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_answer(answer), claim, hint)


# A profile


def told_of(default: str, *rules: dict[str, Any]) -> Callable[[], Any]:
    return lambda: {"defaultAction": f"SCMP_ACT_{default}", "syscalls": list(rules)}


def about_sockets(value: int = 1, op: str = "NE", **others: Any) -> dict[str, Any]:
    rule = {
        "names": ["socket"],
        "action": "SCMP_ACT_ERRNO",
        "errnoRet": errno.EAFNOSUPPORT,
        "args": [{"index": 0, "value": value, "op": f"SCMP_CMP_{op}"}],
    }
    return rule | others


READ = "cfslib can read the profile"
LOCAL = "a local socket can be made"
OTHERS = "sockets of all other kinds cannot"
UPPER = "nor can they with something in the upper half of the number"
ERROR = "they fail with EAFNOSUPPORT"
CALLS = "all other calls are made"
PROFILES: list[tuple[str, Callable[[], Any], str, str]] = [
    ("EPERM", told_of("ALLOW", about_sockets(errnoRet=1)), ERROR, "errnoRet"),
    (
        "no errnoRet",
        told_of("ALLOW", {k: v for k, v in about_sockets().items() if k != "errnoRet"}),
        ERROR,
        "errnoRet",
    ),
    ("only internet", told_of("ALLOW", about_sockets(2, "EQ")), OTHERS, "SCMP_CMP_NE"),
    ("from 2 on, but 0", told_of("ALLOW", about_sockets(1, "GT")), OTHERS, "AF_UNSPEC"),
    ("local ones", told_of("ALLOW", about_sockets(1, "EQ")), LOCAL, "AF_UNIX is 1"),
    ("all sockets", told_of("ALLOW", about_sockets(args=[])), LOCAL, "condition"),
    (
        "the second argument",
        told_of(
            "ALLOW",
            about_sockets(args=[{"index": 1, "value": 1, "op": "SCMP_CMP_NE"}]),
        ),
        LOCAL,
        "index 0",
    ),
    (
        "kills",
        told_of("ALLOW", about_sockets(action="SCMP_ACT_KILL", errnoRet=None)),
        ERROR,
        "SCMP_ACT_ERRNO",
    ),
    (
        "one kind after the other",
        told_of("ALLOW", *[about_sockets(at, "EQ") for at in range(64) if at != 1]),
        UPPER,
        "SCMP_CMP_NE",
    ),
    (
        "a condition beside none",
        told_of(
            "ALLOW",
            about_sockets(1, "EQ", action="SCMP_ACT_ALLOW"),
            about_sockets(args=[]),
        ),
        LOCAL,
        "without a condition",
    ),
    (
        "socketpair too",
        told_of("ALLOW", about_sockets(names=["socket", "socketpair"])),
        CALLS,
        "socketpair",
    ),
    ("everything", told_of("ALLOW"), OTHERS, "AF_INET"),
    ("nothing", told_of("ERRNO"), LOCAL, ""),
    ("no default", lambda: {"syscalls": [about_sockets()]}, READ, "defaultAction"),
    ("no such action", told_of("PERMIT"), READ, "SCMP_ACT_PERMIT"),
    ("what was handed out", lambda: None, READ, ""),
    ("raises", raise_it, RUNS, "in the answer"),
]


@pytest.mark.parametrize(
    ("answer", "claim", "hint"),
    [row[1:] for row in PROFILES],
    ids=[row[0] for row in PROFILES],
)
def test_a_profile_that_does_not_is_not(
    answer: Callable[[], Any], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_only_local(answer), claim, hint)


@pytest.mark.parametrize(
    "answer",
    [
        told_of("ALLOW", about_sockets()),
        told_of("ALLOW", about_sockets(socket.AF_UNIX)),
        told_of("ALLOW", about_sockets(1, "GT"), about_sockets(1, "LT")),
        told_of("LOG", about_sockets()),
    ],
    ids=["not equal", "by its name", "more or less", "written down"],
)
def test_a_profile_that_lets_local_sockets_be_made_is_right(
    answer: Callable[[], Any],
) -> None:
    told = lesson.check_only_local(answer)

    assert told.done, told


def test_nothing_of_an_answer_is_left_here() -> None:
    before = Path("/proc/self/status").read_text().partition("Seccomp:")[2]
    lesson.check_no_kill(RIGHT["with labels"])
    signal.raise_signal(signal.SIGCONT)

    assert (
        Path("/proc/self/status").read_text().partition("Seccomp:")[2][:4]
        == (before[:4])
    )
