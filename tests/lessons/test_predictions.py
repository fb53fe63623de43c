"""Every question is asked in a notebook, and can be read there without running it."""

import importlib
import pkgutil
from pathlib import Path

import pytest

from cfslib.lessons import predictions
from cfslib.lessons.predictions import Question
from tests.test_notebooks import NOTEBOOKS, cells, text

MODULES = [found.name for found in pkgutil.iter_modules(predictions.__path__)]


def questions(module: str) -> dict[str, Question]:
    names = vars(importlib.import_module(f"cfslib.lessons.predictions.{module}"))
    return {name: value for name, value in names.items() if isinstance(value, Question)}


def notebook(module: str) -> Path:
    (path,) = (p for p in NOTEBOOKS if module.replace("_", "-") in p.stem)
    return path


@pytest.mark.parametrize("module", MODULES)
def test_the_choices_can_be_read_without_running_the_notebook(module: str) -> None:
    written = text(notebook(module))

    for question in questions(module).values():
        for choice in question.choices:
            assert f"> - {choice.text}\n" in written + "\n", choice.text


@pytest.mark.parametrize("module", MODULES)
def test_every_question_is_asked(module: str) -> None:
    code = "\n".join(cell.source for cell in cells(notebook(module), "code"))

    for name in questions(module):
        assert f"quiz.ask({module}.{name})" in code or f"quiz.ask(asked.{name})" in code
