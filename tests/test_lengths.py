"""Functions stay short: see `make lengths`.

A function's length is its lines without its docstring, counted over the rooms that make
containers and look at them; views and lessons have more to say at once.
"""

import ast
import statistics
from pathlib import Path

import pytest

from tests.bench.size import modules

pytestmark = pytest.mark.alike

MEDIAN, P90, LONGEST = 5, 14, 60  # of the longest, half is a list of parameters


def test_functions_are_as_short_as_they_were() -> None:
    lengths = sorted(found for path in modules() for found in _lengths(path))
    values = [length for length, _ in lengths]
    median, p90 = statistics.median(values), values[len(values) * 9 // 10]
    longest, name = lengths[-1]
    print(f"{len(values)} functions have {median:g} lines in the median, {p90} at p90,")
    print(f"and at most {longest}, which is {name}.")

    assert median <= MEDIAN
    assert p90 <= P90
    assert longest <= LONGEST


def _lengths(path: Path) -> list[tuple[int, str]]:
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    return [(_lines(each), f"{path.stem}.{each.name}") for each in functions]


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    documented = ast.get_docstring(function) is not None
    return _height(function) - (_height(function.body[0]) if documented else 0)


def _height(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
