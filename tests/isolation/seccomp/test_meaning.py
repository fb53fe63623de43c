"""What runtimes make of a profile, by row; test_libseccomp asks their library."""

from typing import Any

import pytest

from cfslib.isolation.seccomp import calls, meaning, profile
from cfslib.isolation.seccomp.data import X32_BIT, Action, Arch, SeccompData
from cfslib.isolation.seccomp.rules import Profile

pytestmark = pytest.mark.alike

ALLOW, KILL, ERRNO = "SCMP_ACT_ALLOW", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_ERRNO"
NO_SUCH_CALL, EPERM = Action.ERRNO | 38, Action.ERRNO | 1


def rule(action: str = ERRNO, errno: int = 1, **values: int) -> dict[str, Any]:
    """Return a rule about read(2), with conditions such as a0=5."""
    conditions = [
        {"index": int(name[1:]), "op": "SCMP_CMP_EQ", "value": value}
        for name, value in values.items()
    ]
    return {"names": ["read"], "action": action, "errnoRet": errno, "args": conditions}


def says(
    *rules: dict[str, Any], default: str = KILL, args: tuple[int, ...] = ()
) -> str:
    """Return what such a profile says about read(2)."""
    text = {"defaultAction": default, "syscalls": [*rules]}
    read = profile.read(text, machine="x86_64")
    return str(meaning.answer(read, SeccompData(0, args, Arch.X86_64)))


def test_of_two_rules_the_first_wins() -> None:
    assert says(rule(errno=1), rule(errno=2)) == "ERRNO(EPERM)"
    assert says(rule(errno=1, a0=5), rule(errno=2, a0=5), args=(5,)) == "ERRNO(EPERM)"


def test_one_without_conditions_wins_in_either_order() -> None:
    assert says(rule(errno=1), rule(errno=2, a0=5), args=(5,)) == "ERRNO(EPERM)"
    assert says(rule(errno=2, a0=5), rule(errno=1), args=(5,)) == "ERRNO(EPERM)"


def test_what_is_done_by_default_is_no_rule() -> None:
    assert says(rule(), rule(ALLOW), default=ERRNO) == "ALLOW"
    assert says(rule(errno=2), rule(ALLOW), default=ERRNO) == "ERRNO(ENOENT)"


@pytest.mark.filterwarnings("ignore:of two conditions on one argument")
def test_two_conditions_on_one_argument_are_alternatives() -> None:
    between = rule()
    between["args"] = [
        {"index": 0, "op": "SCMP_CMP_GE", "value": 3},
        {"index": 0, "op": "SCMP_CMP_LE", "value": 5},
        {"index": 1, "op": "SCMP_CMP_EQ", "value": 7},
    ]

    assert says(between, args=(9, 0)) == says(between, args=(4, 7)) == "ERRNO(EPERM)"
    between["args"] = between["args"][1:]
    assert says(between, args=(4, 0)) == "KILL_PROCESS"


@pytest.mark.parametrize("swap", [1, -1])
def test_of_two_that_fit_the_one_on_the_later_argument_decides(swap: int) -> None:
    both = [rule(errno=1, a0=5), rule(errno=2, a1=5)][::swap]
    longer = [rule(errno=1, a0=5, a2=5), rule(errno=2, a1=5)][::swap]

    assert says(*both, args=(5, 5)) == "ERRNO(ENOENT)"
    assert says(*longer, args=(5, 5, 5)) == "ERRNO(ENOENT)"


def test_an_error_may_be_none_at_all() -> None:
    assert says(rule(errno=0)) == "ERRNO(0)"


# Calls that a profile does not know.


def strict(*names: str, **parts: Any) -> Profile:
    one = {"names": [*names], "action": ALLOW, **parts}
    return profile.read({"defaultAction": ERRNO, "syscalls": [one]}, machine="x86_64")


def about(read: Profile, number: int, arch: int = Arch.X86_64) -> Action:
    return meaning.answer(read, SeccompData(number, arch=arch))


def test_a_call_newer_than_all_that_it_names_is_not_there() -> None:
    read = strict("read", "openat2")

    assert about(read, 437) == Action.ALLOW
    assert about(read, 436) == EPERM
    assert about(read, 438) == NO_SUCH_CALL


def test_a_rule_for_others_says_what_a_profile_knows_too() -> None:
    read = strict("read", "openat2", includes={"caps": ["CAP_SYS_ADMIN"]})

    assert about(read, 436) == EPERM


def test_a_number_of_no_call_is_not_there() -> None:
    assert about(strict("openat2"), 400) == NO_SUCH_CALL
    assert about(strict("openat2"), 2**32 - 1) == NO_SUCH_CALL


def test_one_more_call_that_is_refused_changes_nothing_for_others() -> None:
    fewer, more = strict("read", "openat2"), strict("read", "openat2", "write")
    numbers = set(calls.numbers("x86_64").values()) - {1}

    assert all(about(fewer, number) == about(more, number) for number in numbers)


@pytest.mark.parametrize("default", [ALLOW, "SCMP_ACT_LOG"])
def test_where_all_is_allowed_so_is_what_is_unknown(default: str) -> None:
    text = {"defaultAction": default, "syscalls": [rule()]}
    read = profile.read(text, machine="x86_64")

    assert about(read, 9999).kind == profile.ACTIONS[default]


def test_x32_is_there_on_nearly_no_kernel_and_so_never() -> None:
    text = {"defaultAction": ALLOW, "syscalls": [rule()]}
    read = profile.read(text, machine="x86_64")

    assert about(read, 0) == EPERM
    assert about(read, X32_BIT) == about(read, X32_BIT | 1) == NO_SUCH_CALL


def test_calls_of_a_set_that_is_not_named_kill() -> None:
    parts = {"defaultAction": ALLOW, "syscalls": [rule()]}
    without = profile.read(parts, machine="x86_64")
    parts["architectures"] = ["SCMP_ARCH_X86"]
    named = profile.read(parts, machine="x86_64")

    assert about(without, 3, Arch.I386) == Action.KILL_THREAD
    assert about(named, 3, Arch.I386) == EPERM
    assert about(named, 4, Arch.I386) == Action.ALLOW
    assert about(named, 3, Arch.AARCH64) == Action.KILL_THREAD
