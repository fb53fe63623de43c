import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cfslib.cli import launcher
from tests.conftest import needs_namespaces

pytestmark = needs_namespaces
SLOW_WAY = {"argparse", "dataclasses", "os", "pathlib", "typing"}


def cfs(*words: str, cache: Path) -> str:
    """Run `cfs`; return its output and what it imported, a module a line."""
    assert launcher.write(cache / "cfs")
    python = [sys.executable, "-I", "-S", "-X", "importtime"]
    done = subprocess.run(
        [*python, cache / "cfs", *words],
        capture_output=True,
        text=True,
        env=os.environ | {"XDG_CACHE_HOME": str(cache / "cache")},
    )
    return done.stdout + done.stderr


def imported(output: str) -> set[str]:
    """Return the modules in what -X importtime prints."""
    return set(re.findall(r"(?m)^import time:.*\| +(\S+)$", output))


def test_the_second_run_imports_nothing_that_only_the_first_one_needs(
    tmp_path: Path,
) -> None:
    first, second = (cfs("run", "echo", "it ran", cache=tmp_path) for _ in range(2))

    assert first.startswith("it ran\n")
    assert second.startswith("it ran\n")
    assert imported(first) >= SLOW_WAY
    assert imported(second) & SLOW_WAY == set()
    assert len(imported(second)) < len(imported(first)) / 3


@pytest.mark.parametrize(
    "words", [("run", "-e", "A=1"), ("run",), ("doctor", "run"), ("--version",)]
)
def test_whatever_else_is_typed_is_for_the_parser(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    assert "argparse" in imported(cfs(*words, cache=tmp_path))


def test_other_options_are_not_those_of_the_recipe(tmp_path: Path) -> None:
    for name in ("one", "another", "one", "another"):
        output = cfs("run", "--hostname", name, "hostname", cache=tmp_path)
        assert output.startswith(f"{name}\n")


def test_a_recipe_that_was_cut_short_is_no_recipe(tmp_path: Path) -> None:
    cfs("run", "true", cache=tmp_path)
    (recipe,) = (tmp_path / "cache/cfs/recipes").glob("run")
    assert "argparse" not in imported(cfs("run", "true", cache=tmp_path))
    recipe.write_bytes(recipe.read_bytes()[:-10])
    again = cfs("run", "echo", "it ran", cache=tmp_path)

    assert again.startswith("it ran\n")
    assert "argparse" in imported(again)
