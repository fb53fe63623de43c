import json
import os
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import ours
from cfslib.lessons import Point, exercise, handout, journal, predictions
from tests.images.conftest import RUBBISH

TEXT = ["# Why?\n", "\n", "## Exercise 1: a name\n", "\n", "### Exercise 2: a note"]


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "notebooks" / "09-test.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": TEXT}]}))
    return path


@exercise("09-test", 2)
def check(is_so: bool) -> list[Point]:
    return [Point("it is so", is_so, "")]


def done(notebook: Path) -> list[bool]:
    return [exercise.done for exercise in journal.exercises_in(notebook, "09-test")]


def test_exercises_are_read_from_the_notebook(notebook: Path) -> None:
    found = journal.exercises_in(notebook, "09-test")

    assert [(e.notebook, e.number, e.title) for e in found] == [
        ("09-test", 1, "a name"),
        ("09-test", 2, "a note"),
    ]


def test_what_is_done_stays_done(notebook: Path) -> None:
    assert done(notebook) == [False, False]
    check(True)
    check(False)

    assert done(notebook) == [False, True]


def test_what_is_not_done_is_not_written(notebook: Path) -> None:
    check(False)

    assert not journal.state().exists()


def test_a_notebook_goes_back_to_its_start_and_the_old_one_is_kept(
    notebook: Path, tmp_path: Path
) -> None:
    handout.lay_out(tmp_path / "work")
    copy = tmp_path / "work/01-hostname.ipynb"
    handed_out = copy.read_bytes()
    journal.note("01-hostname", 1)
    journal.note("08-other", 1)
    journal.predict("01-hostname/new", "all")
    journal.predict("08-other/new", "none")

    for text in ("mine", "mine again"):
        copy.write_text(text)
        assert journal.reset(copy).read_text() == text
        assert copy.read_bytes() == handed_out
    assert len(list((journal.state() / "notebooks").iterdir())) == 2
    assert json.loads((journal.state() / "done.json").read_text()) == [["08-other", 1]]
    assert journal.predicted() == {"08-other/new": "none"}


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_in_place_of_a_file_is_no_obstacle(notebook: Path, kind: str) -> None:
    journal.state().mkdir(parents=True)
    file = str(journal.state() / "done.json")
    for name in (file, ours.draft_of(file)):
        RUBBISH[kind](Path(name))

    assert done(notebook) == [False, False]
    journal.note("09-test", 2)
    assert done(notebook) == [False, True]


@pytest.mark.parametrize(
    "text",
    [b"[" * 100_000, b"{}", b"3", b"\xff", b'{"a": ', b"[[1], 2, null, [[]]]"],
)
def test_what_we_did_not_write_is_passed_over(notebook: Path, text: bytes) -> None:
    journal.note("09-test", 1)
    (journal.state() / "done.json").write_bytes(text)

    assert done(notebook) == [False, False]
    journal.forget("09-test")
    journal.note("09-test", 2)
    assert done(notebook) == [False, True]


@pytest.mark.parametrize("umask", [0, 0o077])
def test_what_is_kept_is_for_us_alone(notebook: Path, umask: int) -> None:
    def modes() -> list[int]:
        os.umask(umask)
        journal.note("09-test", 1)
        places = [journal.state().parent, *journal.state().parent.rglob("*")]
        return [place.stat().st_mode & 0o777 for place in places]

    assert in_child(modes) == [0o700, 0o700, 0o600]


def test_what_others_may_write_to_is_not_used(notebook: Path) -> None:
    journal.note("09-test", 1)
    place = journal.state()
    place.parent.chmod(0o777)
    for use in (lambda: journal.note("09-test", 2), lambda: done(notebook)):
        with pytest.raises(PermissionError, match=f"{place} is not used") as caught:
            use()
        assert "XDG_STATE_HOME" in caught.value.__notes__[0]


def test_a_relative_place_is_ignored(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for relative in ("", "near", "../near"):
        monkeypatch.setenv("XDG_STATE_HOME", relative)
        assert journal.state() == tmp_path / ".local/state/cfs"

    monkeypatch.setenv("HOME", "near")
    with pytest.raises(FileNotFoundError, match="HOME is no absolute path: 'near'"):
        journal.state()


def test_what_was_not_handed_out_is_not_touched(notebook: Path) -> None:
    journal.note("09-test", 1)
    before = notebook.read_bytes()

    with pytest.raises(FileNotFoundError, match="was not handed out") as caught:
        journal.reset(notebook)
    assert "cfs workshop" in caught.value.__notes__[0]
    assert notebook.read_bytes() == before
    assert done(notebook) == [True, False]


def test_predictions_are_kept(notebook: Path) -> None:
    journal.predict("09-test/one", "1")
    journal.predict("09-test/one", "2")
    journal.predict("09-test/two", "yes")

    assert journal.predicted() == {"09-test/one": "2", "09-test/two": "yes"}


def test_predictions_are_counted(notebook: Path, tmp_path: Path) -> None:
    handout.lay_out(tmp_path / "work")
    asked = [q for q in predictions.every() if q.name.startswith("01-hostname/")]
    first, second = asked[:2]
    wrong = next(choice for choice in second.choices if not choice.right)
    journal.predict(first.name, first.right.text)
    journal.predict(second.name, wrong.text)
    found = {c.name: c for c in journal.chapters(tmp_path / "work")}["01-hostname"]

    assert (found.asked, found.predicted, found.right) == (len(asked), 2, 1)
    assert not found.older
