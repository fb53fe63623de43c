"""Every question is asked in a notebook, and can be read there without running it."""

import collections
import re
from collections.abc import Iterator

import pytest

from cfslib.lessons.predictions import Choice, Question, every
from tests.test_notebooks import NOTEBOOKS, PREDICTION, TELLS, Cell, read, tags

pytestmark = pytest.mark.alike

QUESTIONS = every()
EITHER = (Choice("1", "So it is.", right=True), Choice("2", "Not so."))


def asked() -> Iterator[tuple[str, str, Cell]]:
    """Yield each question as its notebook has it: its name, its text, its cell."""
    for path in NOTEBOOKS:
        cells = read(path).cells
        for before, cell, after in zip(cells, cells[1:], cells[2:], strict=False):
            if "predict" in tags(cell):
                (name,) = (t.removeprefix(TELLS) for t in tags(after) if TELLS in t)
                found = PREDICTION.search(before.source)
                assert found, before.source
                yield f"{path.stem}/{name}", found[1], cell


ASKED = {name: (text, cell) for name, text, cell in asked()}


def words(text: str) -> str:
    """Return a text without the marks and the line ends of a blockquote."""
    return " ".join(re.sub(r"^> ?", "", text, flags=re.MULTILINE).split())


def test_every_question_is_asked_once() -> None:
    counts = collections.Counter(question.name for question in QUESTIONS)

    assert max(counts.values()) == 1
    assert set(counts) == set(ASKED)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_it_can_be_read_without_running_the_notebook(question: Question) -> None:
    text, cell = ASKED[question.name]
    choices = [] if question.typed else [f"- {c.text}" for c in question.choices]

    assert words(text) == words(" ".join(["**Predict.**", question.text, *choices]))
    constant = question.name.partition("/")[2].replace("-", "_").upper()
    assert cell.source.splitlines()[-1] == f"quiz.ask(asked.{constant})"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_answer_has_a_reason(question: Question) -> None:
    assert 2 <= len(question.choices) <= 4
    assert all(choice.reason for choice in question.choices)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_view_shows_no_stars_where_it_knows_only_code(question: Question) -> None:
    said = [question.text, *(c.text + " " + c.reason for c in question.choices)]

    assert "*" not in "".join(re.sub("`[^`]*`", "", text) for text in said)


def test_what_is_typed_need_not_be_exact() -> None:
    question = Question("09-test/one", "How many?", EITHER, "number", "Count.")

    assert question.choice(" `1`. ").right
    assert question.choice("2").reason == "Not so."
    assert question.choice("three") == Choice("three", "Count.")


@pytest.mark.parametrize(
    ("typed", "otherwise"), [("sentence", "x"), ("number", ""), ("", "x")]
)
def test_a_question_that_makes_no_sense_is_refused(typed: str, otherwise: str) -> None:
    with pytest.raises(ValueError, match=r"type|typed"):
        Question("09-test/one", "How many?", EITHER, typed, otherwise)
