"""group_tree: the tree says in words and bars what each group uses."""

import errno
import re
import time

import pytest

from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.observe.figures import Figures
from cfslib.observe.groups import LOADS, Frame, Loads, Seen, recorded
from cfslib.views import group_tree
from cfslib.views.widget import View

pytestmark = pytest.mark.alike

LIMITS = {load.name: load.limit for load in LOADS}
BUSY = Frame(
    1.0,
    {
        "computing": Figures(2, 1 << 20, 1.0),
        "hungry": Figures(5, 32 << 20, 0.2, no=1),
        "forking": Figures(18, 4 << 20, 0.1, no=3),
    },
    {"computing": 0.1, "hungry": 0.0, "forking": 0.0},
)


class Told(Loads):
    """Loads that do as they are told here."""

    def __init__(self, error: OSError | None = None) -> None:
        super().__init__()
        self.changed: list[tuple[str, int]] = []
        self._error = error

    def run(self, started: object, limits: object, seen: Seen) -> None:
        """Show one moment."""
        if self._error:
            raise self._error
        seen(BUSY)

    def change(self, name: str, limit: int) -> None:
        """Note it down."""
        self.changed.append((name, limit))


def test_the_picture_says_all_in_words() -> None:
    html = group_tree.drawing(BUSY, LIMITS)

    assert "computing: cpu.max: 10% of 10%" in html
    assert "hungry: memory.max: 32 MiB of 64 MiB, killed: 1" in html
    assert "forking: pids.max: 18 of 20, refused: 3" in html


def test_a_bar_is_never_longer_than_its_box() -> None:
    html = group_tree.drawing(BUSY, dict.fromkeys(LIMITS, 1))
    widths = [
        float(width) for width in re.findall(r'width="([\d.]+)" height="16"', html)
    ]

    assert widths
    assert max(widths) <= group_tree.BAR


def test_who_met_a_limit_is_named() -> None:
    assert "forking was refused" in group_tree.verdict(BUSY)
    assert "computing" not in group_tree.verdict(BUSY)
    assert "None of them" in group_tree.verdict(group_tree._QUIET)


def test_a_click_starts_a_load_and_a_number_sets_a_limit() -> None:
    model = Told()
    view = group_tree.view(model)
    number, _, start = view.box.children[2].children
    number.value = 12
    start.click()
    _wait(view)

    assert model.changed == [("forking", 12)]
    assert "pids.max: 18 of 12" in view.box.children[4].value
    assert "forking was refused" in view.box.children[5].value


def test_a_limit_that_the_kernel_does_not_take_is_told() -> None:
    class Refusing(Told):
        def change(self, name: str, limit: int) -> None:
            raise OSError(errno.EBUSY, "write")

    view = group_tree.view(Refusing())
    view.box.children[1].children[0].value = 16

    assert "memory.max stays as it was" in view.box.children[5].value
    assert "below what is in use" in view.box.children[5].value


def test_where_no_group_can_be_made_it_shows_a_recording_and_says_so() -> None:
    view = group_tree.view(Told(CannotLimit("no cgroup is ours", "be root")))
    view.box.children[3].children[0].click()
    _wait(view)

    assert "Recorded on another machine" in view.box.children[5].value
    assert "no cgroup is ours" in view.box.children[5].value
    assert "be root" in view.box.children[5].value
    assert "of 64 MiB" in view.box.children[4].value


def test_in_the_recording_all_three_meet_their_limits() -> None:
    last = recorded()[-1]

    assert all(found.no for found in last.figures.values())
    assert last.seconds < 6


def _wait(view: View) -> None:
    deadline = time.monotonic() + 20
    while view._working and time.monotonic() < deadline:
        time.sleep(0.02)
