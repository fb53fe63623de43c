"""ways: each way to make a container, as something that can be started and timed.

A way is opened once, and then started as often as wanted.  What is opened is what a
user would have open as well: a notebook's kernel, a Python program, a C program.

A start is over when all is over; where the command says when it ran, as soon as it ran.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cfslib.runtime import container
from tests.bench.box import Box, floor_limit

TOP = Path(__file__).parent.parent.parent
FLOOR, PROGRAM, COMMAND = "C floor", "Python program", "cfs run"
NOTEBOOK = "notebook"  # where the next container is made ahead
NONE_AHEAD = "notebook, none ahead"  # where it comes too soon after another for that
OURS = (NOTEBOOK, NONE_AHEAD, PROGRAM, COMMAND)
PYTHON = "python -I -S -c pass"

Start = Callable[[], int]  # make one container; return the nanoseconds it took


@dataclass(frozen=True)
class Way:
    """One way to make containers."""

    name: str
    opened: Callable[[], AbstractContextManager[Start]]
    words: tuple[str, ...] = ()  # as typed, where it is a command
    may_fail: bool = False  # then it is left out; ours may not
    makes_two: bool = False  # and only the second one counts


def ours(box: Box) -> list[Way]:
    """Return the floor, and every way that we offer."""
    network = {"FLOOR_NETWORK": "1"} if box.network else {}
    floor = (str(box.things / "floor"), str(box.rootfs), floor_limit(box), box.command)
    flags = [str(int(flag)) for flag in (box.network, box.limited, box.named)]
    kind = (str(box.things), box.command, *flags)
    program = (sys.executable, "-m", "tests.bench.program", *kind)
    options = ["--network", "none"] if box.network else []
    options += [] if box.limited else ["--pids-limit", "max"]
    return [
        Way(FLOOR, lambda: _asked(box, floor, os.environ | network), floor),
        Way(NOTEBOOK, lambda: _called(box)),
        Way(NONE_AHEAD, lambda: _called(box, makes_two=True), makes_two=True),
        Way(PROGRAM, lambda: _asked(box, program)),
        command(
            COMMAND,
            [*cfs(), "run", *options, box.command],
            {**os.environ, "CFS_ROOTFS": str(box.rootfs) if box.named else ""},
            says_when=box.says_when,
        ),
    ]


def python() -> Way:
    """Return what no program in Python can undercut: Python's own start."""
    return command(PYTHON, [sys.executable, "-I", "-S", "-c", "pass"])


def cfs() -> list[str]:
    """Return the words that start `cfs` here: the installed one, if there is one."""
    installed = Path(sys.executable).parent / "cfs"
    return (
        [str(installed)]
        if installed.exists()
        else [sys.executable, "-m", "cfslib.cli.commands"]
    )


def command(
    name: str,
    words: Sequence[str],
    env: Mapping[str, str] = os.environ,
    says_when: bool = False,
) -> Way:
    """Return a way that starts a program; NAME in its words is new each time."""
    return Way(name, lambda: _spawned(words, env, says_when), tuple(words))


@contextmanager
def _called(box: Box, makes_two: bool = False) -> Generator[Start]:
    """Start containers as a cell of a notebook does."""
    spec = box.spec()

    def start() -> int:
        if makes_two:
            container.capture(spec)
        began = time.perf_counter_ns()
        finished = container.capture(spec)
        ended = time.perf_counter_ns()
        _check(finished.code, "container.capture")
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


_numbers = itertools.count()
_QUIET = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]


@contextmanager
def _spawned(
    words: Sequence[str], env: Mapping[str, str], says_when: bool
) -> Generator[Start]:
    """Start containers by a command each.  Nothing starts one faster than this."""
    reader, writer = os.pipe()
    to_us = [(os.POSIX_SPAWN_DUP2, writer, 1)] if says_when else []

    def start() -> int:
        name = f"bench-{os.getpid()}-{next(_numbers)}"
        argv = [name if word == "NAME" else word for word in words]
        began = time.perf_counter_ns()
        pid = os.posix_spawn(argv[0], argv, env, file_actions=[*_QUIET, *to_us])
        _, status = os.waitpid(pid, 0)
        ended = time.perf_counter_ns()
        _check(os.waitstatus_to_exitcode(status), " ".join(argv))
        return (int(printed.readline()) if says_when else ended) - began

    with open(reader, "rb") as printed, open(writer, "wb"):
        yield start


def _check(code: int, what: str) -> None:
    if code != 0:
        raise ChildProcessError(f"exit code {code}: {what}")
