"""A participant works through a copy: predicts, runs, answers, is told."""

import re

import pytest
from playwright.sync_api import expect

from cfslib.lessons import handout
from cfslib.lessons.predictions import Question, every
from tests.browser.conftest import RunCells, in_notebook
from tests.browser.lab import PATHS
from tests.browser.learner import Notebook
from tests.conftest import needs_namespaces

pytestmark = needs_namespaces


def questions(notebook: Notebook) -> list[Question]:
    return [q for q in every() if q.name.startswith(f"{notebook.path.stem}/")]


@in_notebook(*PATHS)
def test_a_copy_gives_nothing_away(notebook: Notebook) -> None:
    said, outputs = notebook.at_first

    assert outputs == 0
    assert notebook.saved()[0].source.splitlines()[0].strip("# ") in said
    assert "Solution" not in said
    for question in questions(notebook):
        assert question.text.replace("`", "") not in said


def _answer(notebook: Notebook, question: Question) -> None:
    """Give the right answer with the keys, from where the focus is."""
    keys = notebook.page.keyboard
    if question.typed:
        keys.type(question.right.text)
        keys.press("Enter")
    else:
        for _ in range(question.choices.index(question.right)):
            keys.press("Tab")
        keys.press("Space")


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("fresh", ["01-hostname"], indirect=True)
def test_a_prediction_is_made_with_the_keyboard_and_told_after_the_cell(
    fresh: Notebook, which: int
) -> None:
    first = fresh.numbers("quiz.ask(")[which]
    before = [n for n, c in enumerate(fresh.saved()[:first]) if c.cell_type == "code"]
    for number in before:
        fresh.run(number)
    question = questions(fresh)[which]
    view = fresh.run(first).locator(".jp-OutputArea-output")
    expect(view).to_contain_text(question.text.replace("`", ""))

    view.get_by_role("textbox" if question.typed else "radio").first.focus()
    _answer(fresh, question)
    expect(view.get_by_role("status")).to_contain_text("Noted.")
    for choice in question.choices:
        expect(view).not_to_contain_text(choice.reason)

    told = fresh.run(first + 1).locator(".jp-OutputArea-output").last
    expect(told).to_contain_text(f"✓ You said “{question.right.text}”")
    expect(told).to_contain_text(question.right.reason)


@pytest.mark.parametrize("fresh", ["01-hostname"], indirect=True)
def test_what_is_typed_in_a_hurry_is_taken_whole(fresh: Notebook) -> None:
    first = fresh.numbers("quiz.ask(")[0]
    before = [n for n, c in enumerate(fresh.saved()[:first]) if c.cell_type == "code"]
    for number in before:
        fresh.run(number)
    view = fresh.run(first).locator(".jp-OutputArea-output")

    view.get_by_role("textbox").focus()
    fresh.page.keyboard.press("Control+A")  # what another test has answered
    fresh.page.keyboard.type("1234")
    fresh.page.keyboard.press("Enter")
    expect(view.get_by_role("status")).to_contain_text("Noted.")

    told = fresh.run(first + 1).locator(".jp-OutputArea-output").last
    expect(told).to_contain_text("You said “1234”")


CONTROLS = """
import ipywidgets
ipywidgets.VBox([
    ipywidgets.RadioButtons(options=["one", "two"], value="one"),
    ipywidgets.Dropdown(options=["one", "two"], value="one"),
    ipywidgets.IntSlider(value=1, max=4),
])
"""
SELECTED = re.compile("jp-mod-selected")


def test_the_arrow_keys_are_those_of_the_control_that_has_the_focus(
    run_cells: RunCells,
) -> None:
    notebook = run_cells(CONTROLS, "pass")
    keys, first = notebook.page.keyboard, notebook.cell(0)
    radios = first.get_by_role("radio")
    expect(radios).to_have_count(2)

    notebook.run(0)
    radios.first.focus()
    keys.press("ArrowDown")
    expect(radios.nth(1)).to_be_checked()
    expect(radios.nth(1)).to_be_focused()
    first.get_by_role("combobox").focus()
    keys.press("ArrowDown")
    expect(first.get_by_role("combobox")).to_have_value("two")
    first.locator(".noUi-handle").focus()
    keys.press("ArrowRight")
    expect(first.locator(".widget-readout")).to_have_text("2")
    expect(first).to_have_class(SELECTED)

    notebook.cell(1).locator(".jp-InputPrompt").click()
    keys.press("ArrowUp")
    expect(first).to_have_class(SELECTED)
    keys.press("ArrowDown")
    expect(notebook.cell(1)).to_have_class(SELECTED)


@in_notebook(*PATHS)
def test_after_all_cells_every_solution_is_right(notebook: Notebook) -> None:
    name = notebook.path.stem
    exercises = _tagged(notebook, "exercise")
    checks = _tagged(notebook, "check")

    for number, (answer, check) in enumerate(zip(exercises, checks, strict=True)):
        expect(notebook.run(check)).to_contain_text("Not yet.")
        notebook.write(answer, handout.solution(name, number + 1))
        notebook.run(answer)
        expect(notebook.run(check)).to_contain_text("Done.")
    assert exercises


def _tagged(notebook: Notebook, tag: str) -> list[int]:
    cells = enumerate(notebook.saved())
    return [n for n, cell in cells if tag in cell.metadata.get("tags", [])]


WRONG = """
from collections.abc import Callable
from cfslib.lessons import Point, exercise

@exercise("01-hostname", 1)
def check(answer: Callable[[], object]) -> list[Point]:
    return [Point("it is seven", answer() == 7, "Six, and one more.")]
"""


def test_after_two_wrong_answers_the_solution_is_open(run_cells: RunCells) -> None:
    answers = [f"def answer():\n    return {n}\n\ncheck(answer)" for n in (5, 6, 7)]
    notebook = run_cells(WRONG, *answers)
    solution = [notebook.cell(n).locator("details pre") for n in (1, 2)]

    expect(solution[0]).not_to_be_visible()
    notebook.cell(1).get_by_text("Show the solution").click()
    expect(solution[0]).to_contain_text("def named")
    expect(solution[1]).to_be_visible()
    expect(notebook.cell(3)).to_contain_text("Done.")


REFUSED = """
from cfslib.children.in_child import in_child
from cfslib.kernel import syscalls

in_child(lambda: syscalls.chdir("/not-there"))
"""


def test_an_error_is_a_card(run_cells: RunCells) -> None:
    said = run_cells(REFUSED).cell(0).locator(".jp-OutputArea-output")

    expect(said).to_contain_text("your line  4: in_child(")
    expect(said).to_contain_text('the call  chdir("/not-there")')
    expect(said).to_contain_text("the answer  ENOENT, No such file or directory")
    expect(said).not_to_contain_text("cfslib/")


def test_after_a_restart_an_unknown_name_says_what_to_do(run_cells: RunCells) -> None:
    said = run_cells("not_known_yet").cell(0).locator(".jp-OutputArea-output")

    expect(said).to_contain_text("Run All Above Selected Cell")
