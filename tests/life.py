"""Containers that go on by themselves, for tests: started, looked at, cleared away."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from cfslib.kernel import procfs
from cfslib.runtime import register
from cfslib.runtime.state import State
from tests.conftest import SLOWNESS, wait_until

CFS = [sys.executable, "-m", "cfslib.cli.entry"]
SECONDS = 60 * SLOWNESS


class Life:
    """Some containers, and the place where they are written down."""

    def __init__(self, runtime: Path) -> None:
        self.env = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
        self.place = f"{runtime}/cfs"

    def cfs(self, *words: object, **how: Any) -> "CompletedProcess[str]":
        """Run `cfs` to its end; what goes wrong is for the caller to see."""
        streams = {"stdin": subprocess.DEVNULL} if "input" not in how else {}
        return subprocess.run(
            [*CFS, *map(str, words)],
            capture_output=True,
            text=True,
            **{"env": self.env, "timeout": SECONDS, **streams, **how},
        )

    def did(self, *words: object, **how: Any) -> str:
        """Run `cfs`, which has to succeed; return what it prints."""
        done = self.cfs(*words, **how)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def start(self, *words: object) -> State:
        """Start a container that goes on."""
        return State(self.place, self.did("run", "-d", *words).strip())

    def every(self) -> list[State]:
        """Return all containers."""
        return register.every(self.place)

    def logs(self, container: State, *words: object) -> str:
        """Return what a container has printed, on both streams."""
        done = self.cfs("logs", *words, container.id)
        assert done.returncode == 0
        return done.stdout + done.stderr

    def soon_logs(self, container: State, text: str) -> bool:
        """Wait until it has printed something."""
        return wait_until(lambda: text in self.logs(container))


@contextmanager
def life() -> Iterator[Life]:
    """Have a place for containers; in the end there are none."""
    runtime = tempfile.mkdtemp(prefix="cfs-life-")
    lives = Life(Path(runtime))
    try:
        yield lives
        if ids := [container.id for container in lives.every()]:
            lives.cfs("rm", "-f", *ids)  # of which some may just go by themselves
        assert wait_until(lambda: not any(map(os.path.lexists, _left(lives)))), ids
    finally:
        shutil.rmtree(runtime)


def _left(lives: Life) -> Generator[str]:
    """Yield what there still is of containers beside the lock."""
    if os.path.exists(lives.place):
        for entry in os.listdir(lives.place):
            if entry != register.LOCK:
                yield f"{lives.place}/{entry}"


def commands_with(mark: str) -> list[int]:
    """Return the processes that have a word in their command line."""
    found = []
    for entry in os.listdir(procfs.PROC):
        try:
            words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        if entry.isdecimal() and mark.encode() in words:
            found.append(int(entry))
    return found
