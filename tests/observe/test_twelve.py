"""What each of the twelve rights is for."""

import os

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.capabilities import DEFAULT
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.observe import twelve
from cfslib.observe.twelve import DONE, TRIALS
from tests.conftest import ROOT, needs_user_namespaces

pytestmark = needs_user_namespaces


@pytest.fixture(scope="module")
def tried() -> list[twelve.Trial]:
    return twelve.try_all()


def test_there_is_a_trial_for_each() -> None:
    assert set(TRIALS) == {str(capability) for capability in DEFAULT}
    assert [trial.right for trial in twelve.recorded()] == list(TRIALS)


def test_each_right_is_for_one_thing_and_no_other(tried: list[twelve.Trial]) -> None:
    for trial in tried:
        assert trial.alone == DONE
        assert trial.without != DONE


def test_here_it_goes_as_it_was_recorded(tried: list[twelve.Trial]) -> None:
    for here, there in zip(tried, twelve.recorded(), strict=True):
        assert (here.right, here.alone, here.without) == (
            (there.right, there.alone, there.without)
        )


def test_what_can_be_tried_here_is(tried: list[twelve.Trial]) -> None:
    recorded = {trial.right for trial in tried if trial.recorded}

    assert "AUDIT_WRITE" in recorded  # it would be logged
    assert len(recorded) == 1 or not ROOT
    assert {"DAC_OVERRIDE", "SETPCAP", "SETFCAP", "SYS_CHROOT"} & recorded == set()


def test_nobody_is_left_of_those_who_were_sent_a_signal() -> None:
    def left() -> str:
        syscalls.prctl(Prctl.SET_CHILD_SUBREAPER, 1)
        twelve.try_all()
        return procfs.read(f"/proc/self/task/{os.getpid()}/children")

    assert in_child(left) == ""


def test_the_text_of_a_trial_is_that_of_its_recording() -> None:
    for trial in twelve.recorded():
        assert trial.what == TRIALS[trial.right][0]
