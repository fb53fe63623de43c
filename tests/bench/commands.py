"""commands: ways that are a command, typed into a script or at a terminal."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.bench import terminal
from tests.bench.box import ROOT, VOLUME, Box
from tests.bench.way import Start, Way, check

COMMAND = "cfs run"
PYTHON = "python -I -S -c pass"


def command(
    name: str,
    words: Sequence[str],
    env: Mapping[str, str] = os.environ,
    says_when: bool = False,
    at_terminal: bool = False,
) -> Way:
    """Return a way that starts a program; NAME in its words is new each time."""
    return Way(name, lambda: _spawned(words, env, says_when, at_terminal), tuple(words))


def cfs_run(
    box: Box,
    cfs: Sequence[str] = (),
    name: str = COMMAND,
    env: Mapping[str, str] = os.environ,
) -> Way:
    """Return the way that a person takes: `cfs run`, by the `cfs` of this checkout."""
    options = ["--network", "none"] if box.network else []
    options += [] if box.limited else ["--pids-limit", "max"]
    options += ["--volume", f"{box.shared}:{VOLUME}"] if box.volume else []
    options += ["--user", box.user] if box.user != ROOT else []
    return command(
        name,
        [*(cfs or installed()), "run", *options, box.command],
        {**env, "CFS_ROOTFS": str(box.rootfs) if box.named else ""},
        says_when=box.says_when,
        at_terminal=box.terminal,
    )


def installed() -> list[str]:
    """Return the words that start `cfs` here: the installed one, if there is one."""
    program = Path(sys.executable).parent / "cfs"
    return (
        [str(program)]
        if program.exists()
        else [sys.executable, "-m", "cfslib.cli.entry"]
    )


def python() -> Way:
    """Return what no program in Python can undercut: Python's own start."""
    return command(PYTHON, [sys.executable, "-I", "-S", "-c", "pass"])


def run(words: Sequence[str], env: dict[str, str] | None = None) -> int:
    """Run a command to its end, and return how long it took."""
    began = time.perf_counter_ns()
    done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True)
    ended = time.perf_counter_ns()
    said = done.stderr.decode(errors="replace").strip().splitlines() or [""]
    check(done.returncode, f"{' '.join(words)}: {said[-1]}")
    return ended - began


_numbers = itertools.count()


@contextmanager
def _spawned(
    words: Sequence[str], env: Mapping[str, str], says_when: bool, at_terminal: bool
) -> Generator[Start]:
    """Start containers by a command each.  Nothing starts one faster than this."""
    reader, writer = os.pipe()
    to_us = [(os.POSIX_SPAWN_DUP2, writer, 1)] if says_when else []
    file = terminal.opened() if at_terminal else nullcontext(os.devnull)

    def start() -> int:
        name = f"bench-{os.getpid()}-{next(_numbers)}"
        argv = [name if word == "NAME" else word for word in words]
        began = time.perf_counter_ns()
        # The leader of a new session gets the first terminal that it opens as its own.
        pid = os.posix_spawn(
            argv[0], argv, env, file_actions=[*streams, *to_us], setsid=at_terminal
        )
        _, status = os.waitpid(pid, 0)
        ended = time.perf_counter_ns()
        check(os.waitstatus_to_exitcode(status), " ".join(argv))
        return (int(printed.readline()) if says_when else ended) - began

    with open(reader, "rb") as printed, open(writer, "wb"), file as path:
        streams = [(os.POSIX_SPAWN_OPEN, fd, path, os.O_RDWR, 0) for fd in (0, 1, 2)]
        yield start
