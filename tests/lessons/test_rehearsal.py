"""A notebook is run as JupyterLab runs it: what fails in it, how far it is, its end."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from cfslib.lessons import journal, rehearsal

pytestmark = pytest.mark.alike

CHECK = """
from cfslib.lessons import Point, exercise

@exercise("01-short", 3)
def check():
    return [Point("so", True, "")]
"""
FOUND = "check()"


def notebook(place: Path, *cells: str) -> Path:
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    nbformat.write(made, place / "01-short.ipynb")
    return place / "01-short.ipynb"


def done(path: Path) -> bool:
    """Run a notebook; say if it came to the exercise."""
    journal.forget("01-short")
    rehearsal.perform(path)
    found = ["01-short", 3] in journal._done()
    journal.forget("01-short")
    return found


def test_every_cell_is_run_and_counted(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    path = notebook(
        tmp_path, "import os", "1 / 0", "print('x' * 99999)", "os.mkdir('made')"
    )
    rehearsal.perform(path, lambda done, total: heard.append((done, total)))

    assert (tmp_path / "made").is_dir()
    assert heard == [(n, 4) for n in range(5)]


@pytest.mark.parametrize(
    "cell",
    [
        f"%%time\n{FOUND}",
        f"words = !echo a b\nif words == ['a b']:\n    {FOUND}",
        f"import asyncio\nawait asyncio.sleep(0)\n{FOUND}",
    ],
)
def test_a_cell_means_what_it_means_in_jupyterlab(cell: str, tmp_path: Path) -> None:
    assert done(notebook(tmp_path, CHECK, cell))


@pytest.mark.parametrize(
    "cell", ["1 / 0", "import sys; sys.exit(3)", "input()", "raise KeyboardInterrupt"]
)
def test_a_cell_that_fails_does_not_stop_the_others(cell: str, tmp_path: Path) -> None:
    assert done(notebook(tmp_path, CHECK, cell, FOUND))


@pytest.mark.parametrize("cell", ["exit()", "quit()", "import os; os._exit(3)"])
def test_a_notebook_that_ends_early_is_an_error(cell: str, tmp_path: Path) -> None:
    pause = "import time; time.sleep(0.2)"
    path = notebook(tmp_path, CHECK, cell, pause, pause, FOUND)

    with pytest.raises(ChildProcessError, match="did not get to its end") as caught:
        rehearsal.perform(path)
    assert "exit()" in caught.value.__notes__[0]
    assert ["01-short", 3] not in journal._done()


def test_a_copy_is_known_by_what_its_checks_say(tmp_path: Path) -> None:
    copy = notebook(tmp_path, CHECK, FOUND).rename(tmp_path / "mine.ipynb")

    assert rehearsal.perform(copy) == "01-short"
    journal.forget("01-short")


def test_a_notebook_without_checks_is_known_by_its_file(tmp_path: Path) -> None:
    assert rehearsal.perform(notebook(tmp_path, "1 + 1")) == "01-short"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"cells": 3}', '{"cells": [1]}'])
def test_what_is_no_notebook_is_said_so(text: str, tmp_path: Path) -> None:
    path = tmp_path / "01-short.ipynb"
    path.write_text(text)

    with pytest.raises(ValueError, match="is no notebook"):
        rehearsal.perform(path)


def test_it_runs_where_the_notebook_is_and_with_our_libraries(tmp_path: Path) -> None:
    cells = (
        "import os, sys",
        f"if os.getcwd() == {str(tmp_path)!r} and sys.prefix == {sys.prefix!r}:"
        f" {FOUND}",
    )

    assert done(notebook(tmp_path, CHECK, *cells))


def test_the_installed_cfs_has_the_same_libraries(tmp_path: Path) -> None:
    path = notebook(tmp_path, CHECK, "import ipywidgets", f"ipywidgets and {FOUND}")
    cfs = Path(sys.executable).with_name("cfs")
    env = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    said = subprocess.run([cfs, "check", path], env=env, capture_output=True, text=True)

    assert said.stderr == f"cfs: {path} has no exercises\n"
    assert "01-short" in (tmp_path / "cfs/done.json").read_text()
