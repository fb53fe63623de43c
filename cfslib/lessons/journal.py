"""journal: what was predicted and which exercises are done, kept between sessions.

An exercise that was done once stays done until its notebook is reset.  What is kept are
files in the user's state directory, $XDG_STATE_HOME/cfs; see the XDG Base Directory
Specification.  What others could have put there is not used: see `images.ours`.
"""

import itertools
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfslib.images import ours
from cfslib.lessons import handout, predictions

HEADING = re.compile(r"^#+ Exercise (\d+): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook."""

    notebook: str  # its name, such as 01-hostname
    number: int
    title: str
    done: bool

    def __str__(self) -> str:
        return f"{self.number}. {self.title}"


@dataclass(frozen=True)
class Chapter:
    """How far one notebook is."""

    name: str
    exercises: list[Exercise]
    asked: int  # questions in it
    predicted: int  # of those
    right: int  # of those again
    older: bool = False  # than the original, since it was changed here

    @property
    def done(self) -> int:
        """Return how many exercises are done."""
        return sum(exercise.done for exercise in self.exercises)


def state() -> Path:
    """Return the directory in which we keep what should outlive a session.

    Raise an `OSError` if others could change what is in it.
    """
    home = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not home.is_absolute():  # which by the XDG rules is to be ignored
        home = Path.home() / ".local/state"
    if not home.is_absolute():
        error = FileNotFoundError(f"HOME is no absolute path: {os.environ['HOME']!r}")
        error.add_note("Hint: set HOME, or XDG_STATE_HOME.")
        raise error
    ours.check(f"{home}/cfs", "HOME or XDG_STATE_HOME")
    return home / "cfs"


def note(notebook: str, number: int) -> None:
    """Write down that an exercise is done."""
    done = _done()
    if [notebook, number] not in done:
        _write("done", [*done, [notebook, number]])


def predict(name: str, answer: str) -> None:
    """Write down what somebody answered to a `Question`, before the cell ran."""
    _write("predictions", predicted() | {name: answer})


def predicted() -> dict[str, str]:
    """Return what was answered, by the names of the questions."""
    found = _kept("predictions")
    pairs = found.items() if isinstance(found, dict) else []
    return {name: answer for name, answer in pairs if isinstance(answer, str)}


def forget(notebook: str) -> None:
    """Take back all exercises and predictions of one notebook."""
    _write("done", [pair for pair in _done() if pair[0] != notebook])
    others = {n: a for n, a in predicted().items() if not n.startswith(f"{notebook}/")}
    _write("predictions", others)


def chapters(notebooks: Path) -> list[Chapter]:
    """Return how far each notebook in a directory is, in the order to read."""
    places = (notebooks / f"{name}.ipynb" for name in handout.chapters())
    return [_chapter(place) for place in places if place.exists()]


def _chapter(path: Path) -> Chapter:
    answers = predicted()
    asked = [q for q in predictions.every() if q.name.startswith(f"{path.stem}/")]
    answered = [(q, answers[q.name]) for q in asked if q.name in answers]
    right = sum(question.choice(answer).right for question, answer in answered)
    exercises = exercises_in(path, path.stem)
    older = handout.is_older(path)
    return Chapter(path.stem, exercises, len(asked), len(answered), right, older)


def exercises_in(path: Path, notebook: str) -> list[Exercise]:
    """Return the exercises of one notebook, which we know by this name."""
    done = _done()
    return [
        Exercise(
            notebook,
            int(number),
            title.replace("`", ""),
            [notebook, int(number)] in done,
        )
        for number, title in HEADING.findall(_markdown(path))
    ]


def reset(path: Path) -> Path:
    """Bring back a copy as it was handed out; return where the old one is kept."""
    kept = state() / "notebooks"
    ours.make(str(kept))
    copies = (kept / f"{path.stem}.{number}.ipynb" for number in itertools.count(1))
    copy = next(copy for copy in copies if not os.path.lexists(copy))
    before = path.read_bytes()
    handout.bring_back(path)
    ours.write(str(copy), before)
    forget(path.stem)
    return copy


def _markdown(path: Path) -> str:
    cells = json.loads(path.read_text())["cells"]
    texts = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    # The format allows a cell to be one string or a list of lines.
    return "\n".join(t if isinstance(t, str) else "".join(t) for t in texts)


def _done() -> list[list[str | int]]:
    found = _kept("done")
    pairs = found if isinstance(found, list) else []
    return [pair for pair in pairs if _is_exercise(pair)]


def _kept(name: str) -> object:
    """Return what is in a file, whatever that is; nothing if we did not write it."""
    try:
        return json.loads(ours.read(f"{state()}/{name}.json") or b"null")
    except (ValueError, RecursionError):
        return None


def _is_exercise(pair: object) -> bool:
    return isinstance(pair, list) and [type(part) for part in pair] == [str, int]


def _write(name: str, what: Any) -> None:
    place = state()
    ours.make(str(place))
    ours.write(f"{place}/{name}.json", json.dumps(what).encode())
