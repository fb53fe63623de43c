"""A state of its own for each test, and what a check says of an answer."""

from pathlib import Path

import pytest

from cfslib.lessons import Verdict, guard
from tests.conftest import SLOWNESS

SECONDS = 2 * SLOWNESS  # for one answer; a learner has five


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is done for this test alone; wait less for an answer without end."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(guard, "SECONDS", SECONDS)


def assert_not_yet(told: Verdict, claim: str, hint: str) -> None:
    """Look if the first open point begins like this, and its hint says this."""
    still_open = [point.claim for point in told.points if not point.holds]
    assert still_open, told
    assert still_open[0].startswith(claim), told
    assert hint in told.hint, told
    assert "cfslib/" not in str(told)
