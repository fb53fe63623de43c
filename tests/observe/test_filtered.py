"""Programs run, or do not, under filters that refuse some of their calls."""

import os
import signal

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.seccomp import calls
from cfslib.isolation.seccomp.bpf import jeq, ld, ret
from cfslib.isolation.seccomp.data import NR, Action
from cfslib.observe import filtered

HOSTNAME = ["hostname"]


def test_the_calls_of_a_program_are_those_from_its_start_to_its_end() -> None:
    seen = filtered.observed(HOSTNAME)
    names = list(seen.calls)

    assert seen.run == filtered.Run(0, f"{os.uname().nodename}\n")
    assert names[0] == "execve"
    assert names[-1] == "exit_group"
    assert seen.calls["uname"] >= 1
    assert set(names) <= set(calls.numbers(calls.machine()))


def test_under_a_filter_with_all_its_calls_a_program_does_the_same() -> None:
    seen = filtered.observed(HOSTNAME)

    assert filtered.tried(HOSTNAME, seen.calls) == seen.run


def test_without_a_call_that_it_needs_it_does_not() -> None:
    seen = filtered.observed(HOSTNAME)

    assert filtered.tried(HOSTNAME, set(seen.calls) - {"uname"}) != seen.run


def test_the_smallest_profile_has_nothing_that_could_go() -> None:
    seen = filtered.observed(HOSTNAME)
    needed = filtered.smallest(HOSTNAME, seen.calls)

    assert set(needed) < set(seen.calls)
    assert filtered.tried(HOSTNAME, needed) == seen.run
    for name in set(needed) - {"execve"}:
        assert filtered.tried(HOSTNAME, set(needed) - {name}) != seen.run, name


def test_a_program_that_waits_in_vain_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtered, "PATIENCE", 0.2)

    assert filtered.tried(["sleep", "9"], calls.numbers(calls.machine())).timed_out


def test_a_program_that_may_not_end_is_killed_by_what_the_c_library_does_then() -> None:
    every = set(calls.numbers(calls.machine()))
    run = filtered.tried(["true"], every - {"exit_group", "exit"})

    assert -run.code in (signal.SIGSEGV, signal.SIGILL, signal.SIGTRAP)


def test_a_function_under_a_filter_returns_what_it_returns() -> None:
    number = calls.numbers(calls.machine())["getppid"]
    program = [ld(NR), jeq(number, 0, 1), ret(Action.ERRNO | 1), ret(Action.ALLOW)]

    assert in_child(lambda: filtered.under(program, os.getppid)) == -1
