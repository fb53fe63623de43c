"""workbench: experiments with groups, or what came of them on another machine.

An experiment is a function.  It gets `Trees`, makes groups, and prints what it finds.
It runs in a child, in groups that are gone afterwards with all that is in them.  Who
may make no groups gets what it printed elsewhere: `RECORD`, see tests/record_groups.py.
"""

import json
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from cfslib.children.answers import hints_of
from cfslib.children.in_child import in_child
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.observe import trees
from cfslib.observe.trees import Bench, Trees

RECORD = Path(__file__).with_suffix(".json")

Experiment = Callable[[Trees], object]


@dataclass(frozen=True)
class Outcome:
    """What an experiment printed, and where."""

    text: str
    by: str  # "cgroup v1" or "cgroup v2"
    why_recorded: str = ""  # nothing if it was made here and now
    hints: tuple[str, ...] = ()


def attempt(experiment: Experiment, version: int = 0) -> Outcome:
    """Make an experiment; return what came of it, here or elsewhere.

    Some can be made with one version only.
    """
    try:
        here, text = in_child(lambda: _made(experiment, version))
    except CannotLimit as error:
        text = json.loads(RECORD.read_text())[experiment.__name__]
        return Outcome(text, "cgroup v2", str(error), hints_of(error))
    return Outcome(text, f"cgroup v{here}")


def _made(experiment: Experiment, version: int) -> tuple[int, str]:
    here = trees.version()
    if version not in (0, here):
        raise CannotLimit(f"this machine has cgroup v{here}, and it takes v{version}")
    with Bench() as places:
        return here, _printed(lambda: experiment(places))


def _printed(func: Callable[[], object]) -> str:
    """Call `func`; return what it prints, and what its children print."""
    kept = os.memfd_create("cfs-printed")
    before = os.dup(1)
    try:
        # Each line at once: a child that is killed has no time for what is left.
        with open(kept, "w+", buffering=1) as file:
            os.dup2(kept, 1)
            with redirect_stdout(file):
                func()
            file.seek(0)
            return file.read()
    finally:
        os.dup2(before, 1)
        os.close(before)
