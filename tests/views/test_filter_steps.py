"""A call that falls through a filter, as pictures."""

import pytest

from cfslib.isolation.seccomp import calls
from cfslib.isolation.seccomp.bpf import jeq, ld, ret
from cfslib.isolation.seccomp.data import ARCH, NR, Action, Arch, SeccompData
from cfslib.views import filter_steps

pytestmark = pytest.mark.alike

PROGRAM = [
    *(ld(ARCH), jeq(Arch.X86_64, 0, 3), ld(NR)),
    *(jeq(63, 0, 1), ret(Action.ERRNO | 1), ret(Action.ALLOW)),
]
UNAME = SeccompData(63, arch=Arch.X86_64)


def test_a_story_has_a_step_for_each_instruction_that_is_met() -> None:
    titles = [step.title for step in filter_steps.story(PROGRAM, UNAME)]

    assert titles == [
        "The call waits",
        "`ld [arch]`",
        "`jeq #0xc000003e, 2, 5`",
        "`ld [nr]`",
        "`jeq #63, 4, 5`",
        "`ret ERRNO(EPERM)`",
    ]


def test_each_step_says_what_it_did() -> None:
    said = [step.caption for step in filter_steps.story(PROGRAM, UNAME)]

    assert said[1] == "A is X86_64 now."
    assert said[2] == "Yes: it goes on at 2."
    assert said[3] == "A is 63, uname now."
    assert said[5] == (
        "That is the answer: the call is not made, and fails with this error."
    )


def test_the_picture_names_the_answer_for_those_who_do_not_see_it() -> None:
    last = filter_steps.story(PROGRAM, UNAME)[-1].picture

    assert "The call uname has its answer at 4: ERRNO(EPERM)." in last


def test_what_is_compared_with_has_its_name_beside_it() -> None:
    number = calls.numbers(calls.machine())["uname"]
    program = [ld(ARCH), jeq(Arch.AARCH64, 0, 2), ld(NR), jeq(number, 0, 0), PROGRAM[5]]

    assert [filter_steps.meant(program, at) for at in range(5)] == [
        *("", "AARCH64", "", "uname", "")
    ]


def test_a_number_means_what_it_means_on_its_own_processor() -> None:
    assert filter_steps.call_name(SeccompData(21, arch=Arch.I386)) == "mount"
    assert filter_steps.call_name(SeccompData(21, arch=Arch.X86_64)) == "access"
    assert filter_steps.call_name(SeccompData(9999, arch=Arch.X86_64)) == "no call"
