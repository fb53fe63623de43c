"""The map in cfslib/__init__.py is complete."""

import ast
import tomllib
from pathlib import Path

import pytest

from cfslib.cli import commands as cli
from tests.test_layers import FILES, HEIGHT, PACKAGE, modules_on_the_map, shown


def test_every_module_is_on_the_map() -> None:
    there = {
        path.stem if path.suffix else path.name
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert there - {"__init__"} == set(HEIGHT)


def test_every_module_is_on_the_map_once() -> None:
    assert len(modules_on_the_map()) == len(HEIGHT)


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_module_opens_with_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))

    assert docstring
    first_line = docstring.splitlines()[0]
    assert first_line.endswith(".")


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]

    assert project["version"] == cli.VERSION
