import signal
from dataclasses import replace

import pytest

from cfslib.lessons import company
from cfslib.observe import sightings
from cfslib.observe.sightings import Sighting
from cfslib.views import ladder
from tests.conftest import needs_namespaces
from tests.views.sightings import DEAD, FIRST, HOST

TERM = signal.SIGTERM
STOPPED = replace(HOST, state="T")


@pytest.mark.parametrize(
    ("number", "before", "after", "said"),
    [
        (TERM, None, None, "ended already"),
        (TERM, DEAD, DEAD, "A zombie is dead already"),
        (TERM, HOST, None, "its parent reaped it"),
        (TERM, HOST, replace(HOST, state="Z"), "It is a zombie until"),
        (signal.SIGSTOP, HOST, replace(HOST, state="T"), "it is stopped"),
        (signal.SIGCONT, replace(HOST, state="T"), HOST, "it goes on"),
        (TERM, STOPPED, STOPPED, "it is kept until the process goes on"),
        (signal.SIGCONT, STOPPED, HOST, "it goes on"),
        (signal.SIGCONT, STOPPED, None, "it got what was kept, and ended"),
        (signal.SIGKILL, STOPPED, None, ": it ended"),
        (TERM, replace(FIRST, state="T"), replace(FIRST, state="T"), "no handler for"),
        (TERM, FIRST, FIRST, "PID 1 gets no signal that it has no handler for"),
        (TERM, replace(FIRST, caught=1 << 14), FIRST, "its handler was called"),
    ],
)
def test_what_came_of_a_signal_is_explained(
    number: signal.Signals, before: Sighting | None, after: Sighting | None, said: str
) -> None:
    assert said in ladder.explain(number, before, after)


def test_a_signal_goes_to_the_chosen_one_and_the_picture_is_new() -> None:
    living, sent = [FIRST, DEAD], []

    def send(pid: int, number: int) -> tuple[Sighting | None, Sighting | None]:
        sent.append((pid, number))
        living.clear()
        return FIRST, None

    shown = ladder.view(lambda: living, send, lambda: living.extend([FIRST, DEAD]))
    controls, came_of_it, picture, _ = shown.box.children
    who, *buttons = controls.children
    assert who.value == FIRST.pid
    who.value = 201
    next(b for b in buttons if b.description == "SIGKILL").click()

    assert sent == [(201, signal.SIGKILL)]
    assert "its parent reaped it" in came_of_it.value
    assert "Nobody is left" in picture.value
    buttons[-1].click()
    assert "dead" in picture.value
    assert came_of_it.value == ""


def test_who_ends_with_pid_1_is_named() -> None:
    plain, outer = (
        replace(HOST, name=n, levels=(p, p)) for n, p in [("a", 7), ("b", 8)]
    )
    said = ladder.gone_too(
        FIRST, [FIRST, plain, outer, DEAD], [replace(FIRST, state="Z")]
    )

    assert "killed all the others with SIGKILL: a and b." in said
    assert "reaped dead" in said
    assert ladder.gone_too(plain, [FIRST, plain, DEAD], [FIRST, DEAD]) == ""
    assert ladder.gone_too(plain, [plain, outer], []).startswith("b asked for SIGKILL")


@needs_namespaces
def test_the_kernel_kills_a_family_with_its_first() -> None:
    family = company.family()
    family.come()
    try:
        earlier = family.members()
        first = next(seen for seen in earlier if seen.name == "first")
        sightings.send(first.pid, signal.SIGKILL)
        said = ladder.gone_too(first, earlier, family.members())
    finally:
        family.go()

    assert "plain, polite, outer and inner" in said
    assert "reaped dead" in said
