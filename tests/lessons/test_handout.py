"""A copy gives nothing away, and what somebody wrote into it stays."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from cfslib.lessons import handout
from tests.test_notebooks import NOTEBOOKS, cells, solutions

pytestmark = pytest.mark.alike

NAMES = [path.stem for path in NOTEBOOKS]
ORIGINAL = "01-hostname.ipynb"


@pytest.fixture
def originals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have originals that may be changed."""
    place = tmp_path / "originals"
    place.mkdir()
    for path in NOTEBOOKS:
        (place / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(handout, "PLACES", [place])
    return place


def change(path: Path) -> None:
    notebook = json.loads(path.read_text())
    notebook["cells"][0]["source"] = "# Is it new?"
    path.write_text(json.dumps(notebook))


def copied(name: str, **options: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(handout.text(name, **options))["cells"]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_has_neither_outputs_nor_solutions_nor_questions(name: str) -> None:
    made = copied(name)
    said = "\n".join("".join(c["source"]) for c in made if c["cell_type"] == "markdown")

    assert not any(cell.get("outputs") for cell in made)
    assert "Solution" not in said
    for cell, following in itertools.pairwise(made):
        if "predict" in following["metadata"].get("tags", []):
            assert "".join(cell["source"]).endswith(handout.ASK)


@pytest.mark.parametrize("name", NAMES)
def test_all_code_is_in_a_copy(name: str) -> None:
    written = [cell.source for cell in cells(Path(f"notebooks/{name}.ipynb"), "code")]
    made = [c["source"] for c in copied(name) if c["cell_type"] == "code"]

    assert list(map("".join, made)) == written


@pytest.mark.parametrize("name", NAMES)
def test_an_instructor_has_all_solutions(name: str) -> None:
    said = "\n".join("".join(cell["source"]) for cell in copied(name, solutions=True))

    for number, solution in enumerate(solutions(Path(f"notebooks/{name}.ipynb")), 1):
        assert solution in said
        assert handout.solution(name, number) == solution


def test_a_copy_that_nobody_changed_is_replaced(
    originals: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    assert handout.lay_out(work) == []
    change(originals / ORIGINAL)
    assert handout.is_older(work / ORIGINAL)

    assert handout.lay_out(work) == []
    assert "Is it new?" in (work / ORIGINAL).read_text()
    assert not handout.is_older(work / ORIGINAL)


def test_a_copy_that_jupyterlab_saved_is_not_changed(
    originals: Path, tmp_path: Path
) -> None:
    handout.lay_out(tmp_path / "work")
    copy = tmp_path / "work" / ORIGINAL
    saved = json.loads(copy.read_text())
    saved["metadata"]["language_info"]["version"] = "3.12.1"
    copy.write_text(json.dumps(saved))
    change(originals / ORIGINAL)

    assert handout.lay_out(tmp_path / "work") == []
    assert "Is it new?" in copy.read_text()


@pytest.mark.parametrize("change_it", ["source", "outputs"])
def test_what_a_learner_did_is_a_change(
    originals: Path, tmp_path: Path, change_it: str
) -> None:
    handout.lay_out(tmp_path / "work")
    copy = tmp_path / "work" / ORIGINAL
    saved = json.loads(copy.read_text())
    cell = next(cell for cell in saved["cells"] if cell["cell_type"] == "code")
    ran = {"output_type": "stream", "name": "stdout", "text": "it ran"}
    cell[change_it] = {"source": "mine", "outputs": [ran]}[change_it]
    copy.write_text(json.dumps(saved))
    change(originals / ORIGINAL)

    assert handout.lay_out(tmp_path / "work") == ["01-hostname"]
    assert json.loads(copy.read_text()) == saved


def test_a_copy_that_somebody_changed_is_kept(originals: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    handout.lay_out(work)
    (work / ORIGINAL).write_text("mine")
    assert handout.lay_out(work) == []
    change(originals / ORIGINAL)

    assert handout.lay_out(work) == ["01-hostname"]
    assert (work / ORIGINAL).read_text() == "mine"
    assert handout.is_older(work / ORIGINAL)

    handout.bring_back(work / ORIGINAL)
    assert "Is it new?" in (work / ORIGINAL).read_text()
    assert handout.lay_out(work) == []


def test_what_is_brought_back_has_its_pictures(tmp_path: Path) -> None:
    handout.lay_out(tmp_path)
    picture = tmp_path / "images/01-strip.svg"
    as_it_was = picture.read_bytes()
    picture.write_text("from another year")

    handout.bring_back(tmp_path / ORIGINAL)

    assert picture.read_bytes() == as_it_was


def test_an_instructor_s_copy_stays_one(tmp_path: Path) -> None:
    handout.lay_out(tmp_path, solutions=True)

    assert not handout.is_older(tmp_path / ORIGINAL)
    assert "Solution" in (tmp_path / ORIGINAL).read_text()


@pytest.mark.parametrize("rubbish", [b"", b"[]", b'{"01-hostname": 3}', b"[" * 10**5])
def test_a_list_that_we_did_not_write_keeps_all(tmp_path: Path, rubbish: bytes) -> None:
    handout.lay_out(tmp_path)
    (tmp_path / ORIGINAL).write_text("mine")
    (tmp_path / handout.LIST).write_bytes(rubbish)

    assert handout.lay_out(tmp_path) == []
    assert (tmp_path / ORIGINAL).read_text() == "mine"


def test_a_copy_of_a_copy_is_of_the_same_chapter() -> None:
    assert handout.chapter("01-hostname-Copy1") == "01-hostname"
    assert handout.chapter("Untitled") is None


def test_where_there_are_no_notebooks_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handout, "PLACES", [tmp_path])

    with pytest.raises(FileNotFoundError, match="missing") as caught:
        handout.lay_out(tmp_path / "work")
    assert "install it anew" in caught.value.__notes__[0]
