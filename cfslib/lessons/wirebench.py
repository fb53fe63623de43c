"""wirebench: experiments with networks, or what came of them on another machine.

An experiment is a function.  It runs in a child, as root of a user namespace and of a
network namespace, and prints what it finds.  Where a network cannot be made, what it
printed elsewhere is shown: `RECORD`, see tests/record_network.py.
"""

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cfslib.children.answers import hints_of
from cfslib.observe import spaces, ways

RECORD = Path(__file__).with_suffix(".json")

Experiment = Callable[[], object]


@dataclass(frozen=True)
class Outcome:
    """What an experiment printed, and where."""

    text: str
    why_recorded: str = ""  # nothing if it was made here and now
    hints: tuple[str, ...] = ()


def attempt(experiment: Experiment) -> Outcome:
    """Make an experiment; return what came of it, here or elsewhere."""
    try:
        return Outcome(spaces.alone(lambda: _printed(experiment)))
    except OSError as error:
        why = ways.why_not()
        if not why:
            raise  # it is about the experiment, and not about the machine
        text = json.loads(RECORD.read_text())[experiment.__name__]
        return Outcome(text, why, hints_of(error))


def _printed(experiment: Experiment) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as kept:
        experiment()
    return kept.getvalue()
