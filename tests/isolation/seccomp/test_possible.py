from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfslib.isolation.seccomp import bpf, compiler, machine, possible
from cfslib.isolation.seccomp.bpf import Instruction, jeq, ld, ret
from cfslib.isolation.seccomp.data import (
    NR,
    Action,
    SeccompData,
    args,
    args_high,
    our_arch,
)
from cfslib.isolation.seccomp.rules import Profile
from tests.isolation.seccomp import profiles

pytestmark = pytest.mark.alike

ALLOW, EPERM = ret(Action.ALLOW), ret(Action.ERRNO | 1)
KNOWN = st.lists(st.booleans(), min_size=6, max_size=6)


def answers(program: list[Instruction], *arguments: int | None) -> set[Action | None]:
    return possible.answers(program, possible.words(39, *arguments))


@settings(max_examples=60)
@given(profile=profiles.profiles(), call=profiles.some_calls(), known=KNOWN)
def test_what_a_filter_says_is_among_what_it_may_say(
    profile: Profile, call: SeccompData, known: list[bool]
) -> None:
    program = compiler.compiled(profile)
    call = call.changed(arch=our_arch())
    some = [it if known[at] else None for at, it in enumerate(call.args)]
    found = possible.answers(program, possible.words(call.nr, *some))

    assert machine.run(program, call) in found
    if all(known):
        assert len(found) == 1


def test_of_an_argument_that_is_unknown_both_ways_are_met() -> None:
    program = [ld(args(1)), jeq(5, 0, 1), EPERM, ALLOW]

    assert answers(program, 0, None) == {Action.ERRNO | 1, Action.ALLOW}
    assert answers(program, 0, 5) == {Action.ERRNO | 1}
    assert answers(program, 5, 0) == {Action.ALLOW}


def test_of_a_number_below_0_half_is_known() -> None:
    low = [ld(args(0)), jeq(2**32 - 1, 0, 1), EPERM, ALLOW]
    high = [ld(args_high(0)), jeq(0, 0, 1), EPERM, ALLOW]

    assert answers(low, -1) == {Action.ERRNO | 1}
    assert answers(high, -1) == {Action.ERRNO | 1, Action.ALLOW}
    assert answers(high, 2**32 - 1) == {Action.ERRNO | 1}


def test_what_is_calculated_is_known_if_all_in_it_is() -> None:
    minus = Instruction(bpf.ALU | bpf.SUB, k=39)
    by_x = Instruction(bpf.ALU | bpf.DIV | bpf.X)
    end: list[Any] = [Instruction(bpf.RET | bpf.A)]

    assert answers([ld(NR), minus, *end]) == {Action(0)}
    assert answers([ld(args(0)), minus, *end], None) == {None}
    assert answers([ld(NR), by_x, *end]) == {None, Action.KILL_THREAD}


def test_a_part_that_no_call_comes_to_says_nothing() -> None:
    program = [ld(NR), jeq(39, 1, 0), ret(Action.KILL_PROCESS), ALLOW]

    assert answers(program) == {Action.ALLOW}
