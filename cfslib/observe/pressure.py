"""pressure: press a container against its limits, and watch what comes of it.

Two loads that have an end of their own: a fork bomb of forty processes and a memory
hog of 128 MB.  While the container runs, the kernel is asked every few milliseconds
how much it uses; before it ends, how often the kernel had to say no.

Where a limit cannot be set there is `recorded`: what happened on another machine.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.children.pipes import Finished
from cfslib.isolation.limits import Limits
from cfslib.observe.meter import Meter
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec

PAUSE = 0.02  # seconds between two samples
PATIENCE = 4  # seconds, more than either load takes
RECORD = Path(__file__).with_suffix(".json")

# At the end both wait a little, so that the last samples show what was left of them.
# A shell that cannot fork may try for long: `timeout` ends it.
_BOMB = """
(i=0; while [ $i -lt 40 ]; do sleep 99 & i=$((i+1)); echo $i; sleep 0.02; done)
exec sleep 0.2
"""
# `tail` waits for the end of a line, and keeps all that comes until then.
_HOG = """
i=0
while [ $i -lt 32 ] && head -c 4194304 /dev/zero; do i=$((i+1)); sleep 0.02; done |
    tail >/dev/null
echo "tail ended with $?"
exec sleep 0.2
"""


@dataclass(frozen=True)
class Load:
    """Something that wants more and more, up to a point."""

    name: str
    setting: str  # the limit that it meets, as cgroup v2 calls it
    wants: int  # so much in the end, if nobody stops it
    script: str

    def spec(self, limit: int) -> Spec:
        """Return a container for it, with a limit."""
        of_pids = self.setting == "pids.max"
        limits = Limits(pids_max=limit) if of_pids else Limits(memory_max=limit)
        argv = ["timeout", str(PATIENCE), "sh", "-c", self.script]
        return Spec(argv, limits=limits)


BOMB = Load("fork bomb", "pids.max", 40, _BOMB)
HOG = Load("memory hog", "memory.max", 128 << 20, _HOG)
LOADS = {load.setting: load for load in (BOMB, HOG)}


@dataclass(frozen=True)
class Sample:
    """How much was in use at one moment."""

    seconds: float  # since the first sample
    used: int  # processes, or bytes


@dataclass(frozen=True)
class Run:
    """How it went."""

    setting: str
    limit: int
    enforcer: str  # "cgroup v1", "cgroup v2" or "RLIMIT_NPROC"
    samples: tuple[Sample, ...]
    events: dict[str, int]  # how often the kernel said no, in its own words
    code: int
    stdout: str
    stderr: str
    recorded: str = ""  # why this did not happen here and now, if it did not

    @property
    def peak(self) -> int:
        """Return the most that was in use at one time."""
        return max((sample.used for sample in self.samples), default=0)


def press(load: Load, limit: int, seen: Callable[[Sample], None]) -> Run:
    """Run a load in a container with a limit; call `seen` for each sample.

    Raise `CannotLimit` where this limit cannot be set.
    """
    with tempfile.TemporaryDirectory(prefix="cfs-") as directory:
        note = Path(directory, "maker")
        with ThreadPoolExecutor(1) as thread:
            spec = load.spec(limit)
            ending = thread.submit(lambda: in_child(lambda: _run(spec, note)))
            meter = Meter(load.setting, note)
            samples = _watch(meter, ending, seen)
            finished = ending.result()
    return Run(
        load.setting,
        limit,
        meter.enforcer,
        tuple(samples),
        meter.events,
        finished.code,
        finished.stdout,
        finished.stderr,
    )


def recorded(load: Load) -> Run:
    """Return what happened when this load was run on another machine."""
    found = json.loads(RECORD.read_text())[load.setting]
    samples = tuple(Sample(**sample) for sample in found.pop("samples"))
    return Run(**found, samples=samples)


def _run(spec: Spec, note: Path) -> Finished:
    """Be the maker of the container, and say which process that is."""
    note.write_text(str(os.getpid()))
    return capture(spec)


def _watch(
    meter: Meter, ending: Future[Finished], seen: Callable[[Sample], None]
) -> list[Sample]:
    samples: list[Sample] = []
    started = 0.0
    most = (PATIENCE + 1) / PAUSE
    while not ending.done() and len(samples) < most:
        if (used := meter.read()) is not None:
            started = started or time.monotonic()
            seconds = round(time.monotonic() - started, 3)
            samples.append(Sample(seconds, used))
            seen(samples[-1])
        time.sleep(PAUSE)
    return samples
