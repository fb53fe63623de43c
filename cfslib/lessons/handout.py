"""handout: a participant's copy of the notebooks, in which nothing is given away.

The originals hold what every cell printed, every prediction in words, and every
solution: for those who read them on the web, and for the tests.  A copy has none of
that.  A list beside the copies says what was handed out, so that a copy that nobody has
changed is replaced when the original changes, and any other is kept.
"""

import functools
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfslib.images import ours

LIST = ".handed-out.json"
FIRST = "00-start-here.ipynb"
# In the package when it was installed, beside it in a checkout.
PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE / "notebooks", PACKAGE.parent / "notebooks")
PREDICTION = re.compile(r"(?:\A|\n)> \*\*Predict\.\*\*.*\Z", re.DOTALL)
ASK = "> **Predict.** Press **Shift+Enter** once more, and answer before you go on."
SOLUTION = "<summary>Solution"
CODE = re.compile(r"```python\n(.*?)\n```", re.DOTALL)

Cell = dict[str, Any]
Notebook = dict[str, Any]


def originals() -> Path:
    """Return the directory of the notebooks as we wrote them."""
    for place in PLACES:
        if (place / FIRST).is_file():
            return place
    error = FileNotFoundError("the notebooks of this package are missing")
    error.add_note("Hint: install it anew, or take a whole checkout.")
    raise error


def chapters() -> list[str]:
    """Return the names of the notebooks, in the order to read."""
    return sorted(path.stem for path in originals().glob("[0-9]*.ipynb"))


def chapter(name: str) -> str | None:
    """Return the chapter that a file's name stands for: 01-hostname-Copy1 is 01's."""
    known = [chapter for chapter in chapters() if name.startswith(chapter)]
    return known[0] if known else None


def lay_out(directory: Path, *, solutions: bool = False) -> list[str]:
    """Bring all copies into a directory; return the names of those that are older.

    Those were changed by somebody, and so they stay.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("images", "cheat-sheet.md", *["instructor.md"] * solutions):
        _bring(originals() / name, directory / name)
    listed = _listed(directory)
    for name in chapters():
        new = text(name, solutions=solutions)
        path = directory / f"{name}.ipynb"
        if not path.exists() or _hash(path.read_bytes()) == listed.get(name):
            path.write_bytes(new)
            listed[name] = _hash(new)
    ours.write(f"{directory}/{LIST}", json.dumps(listed, indent=1).encode())
    return [name for name in chapters() if is_older(directory / f"{name}.ipynb")]


def is_older(path: Path) -> bool:
    """Say if the original has changed since this copy was handed out."""
    handed_out = _listed(path.parent).get(path.stem)
    if handed_out is None or path.stem not in chapters():
        return False
    return handed_out not in {
        _hash(text(path.stem, solutions=solutions)) for solutions in (False, True)
    }


def bring_back(path: Path) -> None:
    """Write a copy anew, and its pictures."""
    listed = _listed(path.parent)
    if path.stem not in listed:
        error = FileNotFoundError(f"{path.name} was not handed out here")
        error.add_note("Hint: `cfs workshop DIR` makes copies that can be reset.")
        raise error
    _bring(originals() / "images", path.parent / "images")
    new = text(path.stem)
    path.write_bytes(new)
    listed[path.stem] = _hash(new)
    ours.write(f"{path.parent}/{LIST}", json.dumps(listed, indent=1).encode())


def text(name: str, *, solutions: bool = False) -> bytes:
    """Return the copy of a chapter, as a file."""
    notebook = _read(name)
    cells: list[Cell] = notebook["cells"]
    pairs = zip(cells, [*cells[1:], None], strict=True)
    handed_out = (_handed_out(*pair, solutions) for pair in pairs)
    notebook["cells"] = [cell for cell in handed_out if cell]
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def _handed_out(cell: Cell, following: Cell | None, solutions: bool) -> Cell | None:
    """Return what a learner gets of a cell: nothing, if it only gives away."""
    if cell["cell_type"] == "code":
        return cell | {"outputs": [], "execution_count": None}
    source = "".join(cell["source"])
    if SOLUTION in source and not solutions:
        return None
    if following and "predict" in _tags(following):
        source = PREDICTION.sub(f"\n{ASK}", source).lstrip("\n")
    return cell | {"source": source}


def solution(name: str, number: int) -> str:
    """Return the code of an exercise's solution."""
    return "\n\n".join(CODE.findall(_solutions(name)[number - 1]))


def remark(name: str, number: int) -> str:
    """Return what is said beside the code of a solution."""
    text = re.sub(
        r"<summary>.*?</summary>|</?details>", "", _solutions(name)[number - 1]
    )
    return " ".join(CODE.sub("", text).split())


@functools.cache
def _solutions(name: str) -> list[str]:
    return [source for source in _sources(name, "markdown") if SOLUTION in source]


@functools.cache
def starters(name: str) -> list[str]:
    """Return the cells of a chapter's exercises as they are handed out."""
    return list(_sources(name, "code", tag="exercise"))


def _sources(name: str, kind: str, tag: str = "") -> Iterator[str]:
    if name not in chapters():
        return
    for cell in _read(name)["cells"]:
        if cell["cell_type"] == kind and (not tag or tag in _tags(cell)):
            yield "".join(cell["source"])


def _tags(cell: Cell) -> list[str]:
    return list(cell["metadata"].get("tags", []))


def _read(name: str) -> Notebook:
    found: Notebook = json.loads((originals() / f"{name}.ipynb").read_text())
    return found


def _bring(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.exists():
        shutil.copyfile(source, target)


def _listed(directory: Path) -> dict[str, str]:
    """Return a hash of each chapter as it was handed out."""
    try:
        found = json.loads((directory / LIST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    pairs = found.items() if isinstance(found, dict) else []
    return {name: text for name, text in pairs if isinstance(text, str)}


def _hash(data: bytes) -> str:
    """Return a hash of what a learner can change: texts, and whether a cell has run.

    JupyterLab writes its version and more into a notebook that was only looked at.
    """
    try:
        cells = [
            (cell["cell_type"], "".join(cell["source"]), bool(cell.get("outputs")))
            for cell in json.loads(data)["cells"]
        ]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()
