"""groups: three groups side by side, a load in each, and what they use meanwhile.

Each load has an end of its own, after four seconds at the latest.  While they run, a
limit can be changed: it is a file.  Where no groups can be made there is `recorded`.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.kernel import procfs
from cfslib.observe import figures, pressure
from cfslib.observe.figures import Figures
from cfslib.observe.trees import Bench, Trees

PAUSE = 0.15  # seconds between two looks
PERIOD = 100_000  # us, of cpu.max
RECORD = Path(__file__).with_suffix(".json")
_COMPUTE = "while :; do :; done"


@dataclass(frozen=True)
class Load:
    """A group, the limit that it has, and what runs in it."""

    name: str
    setting: str
    limit: int  # to begin with: % of a processor, MiB, processes
    least: int
    most: int
    script: str

    def value(self, limit: int) -> str:
        """Return what to write to the file."""
        if self.setting == "cpu.max":
            return f"{limit * PERIOD // 100} {PERIOD}"
        return str(limit << 20 if self.setting == "memory.max" else limit)


LOADS = (
    Load("computing", "cpu.max", 10, 5, 100, _COMPUTE),
    Load("hungry", "memory.max", 64, 16, 256, pressure.HOG.script),
    Load("forking", "pids.max", 20, 5, 60, pressure.BOMB.script),
)


@dataclass(frozen=True)
class Frame:
    """What each group used at one moment, and each one's share of a processor."""

    seconds: float
    figures: Mapping[str, Figures]
    shares: Mapping[str, float]


Seen = Callable[[Frame], None]


class Loads:
    """Three groups that are there while a load runs."""

    def __init__(self) -> None:
        self._trees: Trees | None = None

    def run(
        self, started: Collection[str], limits: Mapping[str, int], seen: Seen
    ) -> None:
        """Run the loads of these names; raise `CannotLimit` if no group can be made."""
        with tempfile.TemporaryDirectory(prefix="cfs-") as directory:
            note = Path(directory, "trees")
            with ThreadPoolExecutor(1) as thread:
                ending = thread.submit(
                    lambda: in_child(lambda: _run(started, limits, note))
                )
                try:
                    while not ending.done():
                        self._look(note, seen)
                        time.sleep(PAUSE)
                    ending.result()
                finally:
                    self._trees = self._last = None

    def _look(self, note: Path, seen: Seen) -> None:
        if not self._trees and note.exists():
            version, places = json.loads(note.read_text())
            self._trees = Trees({c: Path(p) for c, p in places.items()}, version)
            self._last = None
            self._began = time.monotonic()
        if self._trees:
            with suppress(OSError):  # they may be gone before we have read them
                frame = _frame(self._trees, self._began, self._last)
                if _are_there(self._trees):  # else some of it is nothing
                    self._last = frame
                    seen(frame)

    def change(self, name: str, limit: int) -> None:
        """Set a limit of a group while it is there.

        Raise `OSError` if it is that of memory, lower than what is in use, and v1.
        """
        load = next(load for load in LOADS if load.name == name)
        if self._trees:
            group = self._trees[load.setting.partition(".")[0]] / name
            try:
                self._trees.limit(group, load.setting, load.value(limit))
            except OSError as error:
                if not procfs.is_gone(error):
                    raise

    _last: Frame | None = None
    _began = 0.0


def _are_there(trees: Trees) -> bool:
    places = set(trees.places.values())
    return all((place / load.name).exists() for place in places for load in LOADS)


def _frame(trees: Trees, began: float, last: Frame | None) -> Frame:
    seconds = round(time.monotonic() - began, 3)
    found = {load.name: figures.of_group(trees, load.name) for load in LOADS}
    shares = {
        name: _share(now, last.figures[name], seconds - last.seconds) if last else 0.0
        for name, now in found.items()
    }
    return Frame(seconds, found, shares)


def _share(now: Figures, before: Figures, passed: float) -> float:
    return round(((now.seconds or 0) - (before.seconds or 0)) / max(passed, 0.01), 2)


def _run(started: Collection[str], limits: Mapping[str, int], note: Path) -> None:
    """Be the child: make the groups, say where, and wait for the loads."""
    with Bench() as trees:
        for load in LOADS:
            trees.make(load.name)
            group = trees[load.setting.partition(".")[0]] / load.name
            trees.limit(group, load.setting, load.value(limits[load.name]))
        told = trees.version, {c: str(p) for c, p in trees.places.items()}
        draft = note.with_suffix(".new")
        draft.write_text(json.dumps(told))
        draft.rename(note)
        time.sleep(PAUSE)
        loads = [_start(trees, load) for load in LOADS if load.name in started]
        for each in loads:
            each.wait()
        time.sleep(PAUSE)


def _start(trees: Trees, load: Load) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["timeout", str(pressure.PATIENCE), "sh", "-c", load.script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: trees.join(load.name),
    )


def recorded() -> list[Frame]:
    """Return what was seen on another machine, with the limits to begin with."""
    return [
        Frame(
            each["seconds"],
            {name: Figures(**found) for name, found in each["figures"].items()},
            each["shares"],
        )
        for each in json.loads(RECORD.read_text())
    ]


def as_record(frames: Collection[Frame]) -> str:
    """Write frames as `recorded` reads them."""
    return json.dumps([asdict(frame) for frame in frames], indent=None)
