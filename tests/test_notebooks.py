"""What nbval cannot see: the skeleton, saved outputs, exercises that can be solved."""

import ast
import os
import re
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import SLOWNESS, in_time

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TAGS = {"exercise", "check", "predict", "nbval-ignore-output", "raises-exception"}
TELLS = "tells:"  # and the name of the question whose answer the cell shows
# Views that begin with an answer.  Before others, a cell of its own shows what is so.
AT_ONCE = ("beside.view(", "rootfs_tree.explorer(", "sharing.view(")
PREDICTION = re.compile(r"(?:\A|\n)(> \*\*Predict\.\*\*.*)\Z", re.DOTALL)
SECONDS = 20 * SLOWNESS  # for a whole notebook, beside other tests

Notebook = Any  # nbformat has no types
Cell = Any

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Notebook:
    return nbformat.read(path, as_version=4)


def tags(cell: Cell) -> list[str]:
    return list(cell.metadata.get("tags", []))


def cells(path: Path, kind: str, tag: str | None = None) -> list[Cell]:
    return [
        cell
        for cell in read(path).cells
        if cell.cell_type == kind and (tag is None or tag in tags(cell))
    ]


def text(path: Path) -> str:
    return "\n\n".join(cell.source for cell in cells(path, "markdown"))


def solutions(path: Path) -> list[str]:
    """Return the code of every folded solution, in order."""
    return re.findall(
        r"<summary>Solution.*?```python\n(.*?)\n```.*?</details>", text(path), re.DOTALL
    )


def printed(cell: Cell) -> str:
    """Return the text of all that a cell shows."""
    texts = (
        o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs
    )
    return "".join(texts)


def run(notebook: Notebook, timeout: int = 60 * SLOWNESS) -> None:
    NotebookClient(
        notebook,
        timeout=timeout,
        startup_timeout=60 * SLOWNESS,
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    ).execute()


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


# The skeleton


@each
def test_the_name_is_two_digits_and_a_topic(path: Path) -> None:
    assert re.fullmatch(r"\d\d-[a-z-]+", path.stem)


@each
def test_the_title_is_a_question(path: Path) -> None:
    first = read(path).cells[0]

    assert first.cell_type == "markdown"
    assert re.match(r"# .+\?\n", first.source)


@each
def test_the_start_says_how_long_it_takes(path: Path) -> None:
    start = "\n".join(cell.source for cell in cells(path, "markdown")[:2])

    assert re.search(r"\d+ minutes", start)


@each
def test_there_are_predictions_to_make(path: Path) -> None:
    assert len(cells(path, "code", "predict")) >= 3


@each
def test_a_prediction_stands_between_its_text_and_the_cell_that_tells(
    path: Path,
) -> None:
    every = read(path).cells
    for before, cell, after in zip(every, every[1:], every[2:], strict=False):
        if "predict" in tags(cell):
            assert PREDICTION.search(before.source), before.source
            assert any(tag.startswith(TELLS) for tag in tags(after)), after.source
        elif PREDICTION.search(before.source):
            assert "predict" in tags(cell), before.source
    told = [
        tag for c in cells(path, "code") for tag in tags(c) if tag.startswith(TELLS)
    ]
    assert len(told) == len(cells(path, "code", "predict"))


@each
def test_a_folded_cell_that_tells_draws_the_answer_at_once(path: Path) -> None:
    for cell in cells(path, "code"):
        tells = any(tag.startswith(TELLS) for tag in tags(cell))
        if tells and cell.metadata.get("jupyter") == {"source_hidden": True}:
            assert any(view in cell.source for view in AT_ONCE), cell.source


@each
def test_what_only_draws_or_asserts_is_folded(path: Path) -> None:
    for cell in cells(path, "code"):
        body = ast.parse(cell.source).body
        is_glue = all(isinstance(step, ast.Assert) for step in body)
        if is_glue or "predict" in tags(cell):
            assert cell.metadata.get("jupyter") == {"source_hidden": True}, cell.source


@each
def test_there_are_exercises_with_hints_checks_and_solutions(path: Path) -> None:
    exercises = cells(path, "code", "exercise")

    assert len(exercises) >= 2
    assert len(cells(path, "code", "check")) == len(exercises)
    assert len(solutions(path)) == len(exercises)
    assert text(path).count("<summary>Hint") >= len(exercises)


@each
def test_every_exercise_has_two_hints_before_its_solution(path: Path) -> None:
    folded = re.findall(r"<summary>(Hint|Solution)", text(path))
    hints = "".join(word[0] for word in folded).split("S")[:-1]

    assert all(len(some) >= 2 for some in hints), folded


@each
def test_an_exercise_is_followed_by_hints_a_check_and_the_solution(
    path: Path,
) -> None:
    order = "".join(_step(cell) for cell in read(path).cells)

    assert re.fullmatch(r"(ehcs)+", order), order


def _step(cell: Cell) -> str:
    """Return a letter for what a cell is to an exercise, if it is anything."""
    for tag in ("exercise", "check"):
        if tag in tags(cell):
            return tag[0]
    if cell.cell_type == "code":
        return ""
    return "h" * ("<summary>Hint 1" in cell.source) + "s" * (
        "<summary>Solution" in cell.source
    )


@each
def test_what_is_folded_can_be_unfolded(path: Path) -> None:
    for cell in cells(path, "markdown"):
        assert cell.source.count("<details>") == cell.source.count("</details>")
        # Without an empty line after it, the text would not be Markdown.
        assert not re.search(r"</summary>\n[^\n]", cell.source)


@each
def test_a_cell_is_short(path: Path) -> None:
    for cell in cells(path, "code"):
        assert len(cell.source.splitlines()) <= LONGEST


LONGEST = 25  # a screenful; most have about twelve


@each
def test_links_to_other_notebooks_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([\w-]+\.ipynb)", text(path)):
        assert (path.parent / target).exists(), target


# The file


@each
def test_tags_are_known(path: Path) -> None:
    for cell in read(path).cells:
        named = {tag for tag in tags(cell) if not tag.startswith(TELLS)}
        assert named <= TAGS


@each
def test_outputs_are_committed(path: Path) -> None:
    code = cells(path, "code")

    assert all(cell.execution_count for cell in code), "some cells were never run"
    assert sum(bool(cell.outputs) for cell in code) > len(code) / 2


@each
def test_an_experiment_that_should_fail_did(path: Path) -> None:
    for cell in cells(path, "code"):
        failed = any(output.output_type == "error" for output in cell.outputs)
        assert failed == ("raises-exception" in tags(cell)), cell.source


@each
def test_no_experiment_fails_by_a_mistake_in_its_own_code(path: Path) -> None:
    for cell in cells(path, "code"):
        for output in cell.outputs:
            assert output.get("ename") not in MISTAKES, cell.source


MISTAKES = {"TypeError", "NameError", "AttributeError"}


@each
def test_nothing_volatile_is_committed(path: Path) -> None:
    notebook = read(path)

    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert set(notebook.metadata.language_info) == {"name"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "jupyter"}
        for output in cell.get("outputs", []):
            assert set(output.get("data", {})) <= {"text/plain", "text/html"}


@each
def test_no_output_names_this_machine(path: Path) -> None:
    shown = "".join(str(cell.outputs) for cell in cells(path, "code"))

    for secret in (
        str(ROOT),
        str(Path.home()),
        os.uname().nodename,
        os.uname().release,
    ):
        if len(secret) > len("/root"):
            assert secret not in shown
    assert not re.search(r"/home/\w|site-packages", shown)


# What happens when it is run


@each
@pytest.mark.long
def test_the_solutions_are_right_and_the_stubs_are_not(path: Path) -> None:
    notebook = read(path)
    for cell in cells(path, "code", "check"):
        assert "Not yet" in printed(cell), "the saved output is that of a solution"
    stubs = [cell for cell in notebook.cells if "exercise" in tags(cell)]
    for cell, solution in zip(stubs, solutions(path), strict=True):
        cell.source = solution

    started = time.monotonic()
    run(notebook)
    took = time.monotonic() - started

    for cell in notebook.cells:
        if "check" in tags(cell):
            assert printed(cell).rstrip().endswith("Done."), printed(cell)
    in_time(took, SECONDS)
