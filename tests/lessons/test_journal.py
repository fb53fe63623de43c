import json
import subprocess
from pathlib import Path

import pytest

from cfslib.lessons import Point, journal, verdict

TEXT = ["# Why?\n", "\n", "## Exercise 1: a name\n", "\n", "### Exercise 2: a note"]


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "notebooks" / "09-test.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": TEXT}]}))
    return path


def done(notebook: Path) -> list[bool]:
    return [exercise.done for exercise in journal.exercises(notebook.parent)]


def test_exercises_are_read_from_the_notebook(notebook: Path) -> None:
    found = journal.exercises(notebook.parent)

    assert [(e.notebook, e.number, e.title) for e in found] == [
        ("09-test", 1, "a name"),
        ("09-test", 2, "a note"),
    ]


def test_what_is_done_stays_done(
    notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert done(notebook) == [False, False]
    verdict(Point("it is so", True, ""), of=("09-test", 2))
    verdict(Point("it is so", False, ""), of=("09-test", 2))

    assert done(notebook) == [False, True]


def test_what_is_not_done_is_not_written(notebook: Path) -> None:
    verdict(Point("it is so", False, ""), of=("09-test", 1))

    assert not journal.state().exists()


def test_a_notebook_goes_back_to_its_start_and_the_old_one_is_kept(
    notebook: Path,
) -> None:
    git = ["git", "-C", str(notebook.parent), "-c", "user.name=a", "-c", "user.email=b"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "start"], check=True)
    original = notebook.read_bytes()
    journal.note("09-test", 1)
    journal.note("08-other", 1)
    notebook.write_text("mine")

    assert journal.reset(notebook).read_text() == "mine"
    assert notebook.read_bytes() == original
    assert done(notebook) == [False, False]
    notebook.write_text("mine again")
    assert journal.reset(notebook).read_text() == "mine again"
    assert json.loads((journal.state() / "done.json").read_text()) == [["08-other", 1]]


def test_without_git_nothing_is_touched(notebook: Path) -> None:
    journal.note("09-test", 1)
    notebook.write_text(notebook.read_text() + " ")
    before = notebook.read_bytes()

    with pytest.raises(FileNotFoundError, match="not at hand") as caught:
        journal.reset(notebook)
    assert "git" in caught.value.__notes__[0]
    assert notebook.read_bytes() == before
    assert done(notebook) == [True, False]
