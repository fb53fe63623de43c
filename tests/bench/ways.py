"""ways: the floor, and each of our ways to make a container."""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cfslib.runtime.run import capture
from tests.bench.box import Box, floor_limit
from tests.bench.commands import COMMAND, cfs_run
from tests.bench.way import Start, Way, check

TOP = Path(__file__).parent.parent.parent
FLOOR, PROGRAM = "C floor", "Python program"
NOTEBOOK = "notebook"  # where the next container is made ahead
NONE_AHEAD = "notebook, none ahead"  # where it comes too soon after another for that
OURS = (NOTEBOOK, NONE_AHEAD, PROGRAM, COMMAND)


def ours(box: Box) -> list[Way]:
    """Return the floor, and every way that we offer."""
    flags = (box.network, box.limited, box.named, box.volume)
    kind = (str(box.things), box.command, *(str(int(flag)) for flag in flags))
    program = (sys.executable, "-m", "tests.bench.program", *kind)
    return [
        floor(box),
        Way(NOTEBOOK, lambda: _called(box)),
        Way(NONE_AHEAD, lambda: _called(box, makes_two=True), makes_two=True),
        Way(PROGRAM, lambda: _asked(box, program)),
        cfs_run(box),
    ]


def floor(box: Box) -> Way:
    """Return the least that such a container takes; it knows no volume, no user."""
    network = {"FLOOR_NETWORK": "1"} if box.network else {}
    words = (str(box.things / "floor"), str(box.rootfs), floor_limit(box), box.command)
    return Way(FLOOR, lambda: _asked(box, words, os.environ | network), words)


@contextmanager
def _called(box: Box, makes_two: bool = False) -> Generator[Start]:
    """Start containers as a cell of a notebook does that wants to have their output."""
    spec = box.spec()

    def start() -> int:
        if makes_two:
            capture(spec)
        began = time.perf_counter_ns()
        finished = capture(spec)
        ended = time.perf_counter_ns()
        check(finished.code, "run.capture")
        return (int(finished.stdout) if box.says_when else ended) - began

    yield start


@contextmanager
def _asked(
    box: Box, words: Sequence[str], env: Mapping[str, str] = os.environ
) -> Generator[Start]:
    """Start containers in another process, which says when each began and ended."""
    with subprocess.Popen(
        words, env=env, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        answers, questions = process.stdout, process.stdin

        def start() -> int:
            questions.write(b"\n")
            questions.flush()
            ran = answers.readline() if box.says_when else b""
            times = answers.readline().split()
            if not times:
                raise ChildProcessError(f"{words[0]} made no container")
            began, ended = map(int, times)
            return (int(ran) if box.says_when else ended) - began

        yield start
