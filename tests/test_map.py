"""The map in cfslib/__init__.py is complete."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import cfslib
from cfslib.cli import commands
from tests.test_layers import END, FILES, PACKAGE, ROOMS, shown
from tests.test_notebooks import NOTEBOOKS, read

pytestmark = pytest.mark.alike

WITHOUT_A_LIST = {"lessons", "views"}  # each chapter has its own


def modules(room: str) -> set[str]:
    """Return what there is in a room: modules, and packages such as cgroups."""
    return {
        path.stem if path.suffix else path.name
        for path in (PACKAGE / room).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    } - {"__init__"}


def test_every_room_is_on_the_map_and_every_module_has_a_room() -> None:
    assert modules(".") == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_of_a_room_is_on_the_map(room: str) -> None:
    there = set() if room in WITHOUT_A_LIST else modules(room)

    assert there == set(ROOMS[room])


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_is_on_the_map_once(room: str) -> None:
    assert len(ROOMS[room]) == len(set(ROOMS[room]))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is_for_in_the_words_of_the_map(room: str) -> None:
    text = (PACKAGE / room / "__init__.py").read_text()
    docstring = ast.get_docstring(ast.parse(text)) or ""

    assert docstring.splitlines()[0].removesuffix(".") in _map().splitlines()


def _map() -> str:
    assert cfslib.__doc__
    return cfslib.__doc__


# What notebooks import.  A name that a chapter uses should stay.


def imported_by_notebooks() -> set[tuple[str, str]]:
    """Return the rooms and modules that cells and solutions import."""
    found: set[tuple[str, str]] = set()
    for notebook in NOTEBOOKS:
        for cell in read(notebook).cells:
            for module, names in re.findall(IMPORT, cell.source, re.MULTILINE):
                words = module.split(".")[1:]
                found |= (
                    {tuple(words[:2])}
                    if len(words) > 1
                    else {(words[0], name.split()[0]) for name in names.split(",")}
                )
    return {(room, module) for room, module in found if room not in WITHOUT_A_LIST}


IMPORT = r"^from (cfslib[\w.]+) import ([\w, ]+)$"


def named_for_notebooks() -> set[tuple[str, str]]:
    """Return the rooms and modules that the map names for them."""
    rows = _map().partition(f"\n{END}")[2].splitlines()[2:]
    return {
        (room, module.strip())
        for row in rows
        for room, _, modules in [row.strip().partition(" ")]
        for module in modules.split(",")
    }


def test_notebooks_import_what_the_map_names_for_them() -> None:
    assert imported_by_notebooks() == named_for_notebooks()


def test_notebooks_import_in_no_other_form() -> None:
    for notebook in NOTEBOOKS:
        for cell in read(notebook).cells:
            if cell.cell_type == "code":
                lines = [line for line in cell.source.splitlines() if "import" in line]
                ours = [line for line in lines if "cfslib" in line]
                assert all(re.match(IMPORT, line) for line in ours), notebook


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_module_opens_with_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))

    assert docstring
    first_line = docstring.splitlines()[0]
    assert first_line.endswith(".")


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]

    assert project["version"] == commands.VERSION
