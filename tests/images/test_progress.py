"""The bar of a terminal: a pty sees it come and go, a pipe sees nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from cfslib.images import cache, progress
from tests.conftest import needs_namespaces
from tests.lessons.test_rehearsal import notebook

pytestmark = pytest.mark.alike

CFS = [sys.executable, "-m", "cfslib.cli.entry"]


def environment(directory: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(directory)}


def on_a_terminal(*words: str, directory: Path) -> str:
    return str(
        pexpect.run(
            " ".join([*CFS, *words]),
            env=environment(directory),
            encoding="utf-8",
            dimensions=(24, 80),
            timeout=60,
        )
    )


@needs_namespaces
def test_the_first_container_shows_on_a_terminal_that_it_builds(tmp_path: Path) -> None:
    said = on_a_terminal("run", "echo", "hello", directory=tmp_path)

    assert "Copying this machine's programs [" in said
    # The line is empty again when the command begins.
    assert re.search(r"100%\r +\rhello\r\n$", said)


@needs_namespaces
def test_the_second_container_shows_nothing(tmp_path: Path) -> None:
    on_a_terminal("run", "true", directory=tmp_path)

    assert on_a_terminal("run", "echo", "hello", directory=tmp_path).strip() == "hello"


def test_a_rootfs_by_name_is_built_with_a_bar_too(tmp_path: Path) -> None:
    said = on_a_terminal(
        "rootfs", "build", f"{tmp_path}/root", "sh", directory=tmp_path
    )

    assert "Copying programs [" in said
    assert "built" in said.rpartition("100%")[2]


def test_the_checks_of_a_notebook_are_run_with_a_bar(tmp_path: Path) -> None:
    path = notebook(tmp_path, "1 + 1", "1 / 0")
    said = on_a_terminal("check", str(path), directory=tmp_path)
    lines = [line for line in re.split(r"[\r\n]+", said) if "Running" in line]

    assert any(line.startswith("Running 01-short [") for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_where_there_is_no_terminal_nothing_is_said(tmp_path: Path) -> None:
    words = [*CFS, "rootfs", "build", str(tmp_path / "root"), "sh"]
    done = subprocess.run(words, capture_output=True, check=True)

    assert done.stderr == b""


def test_a_container_does_not_load_the_bar(tmp_path: Path) -> None:
    cache.current(tmp_path / "cfs")
    asked = """if True:
        import sys
        from cfslib.images import cache
        from cfslib.runtime import container
        cache.current()
        print("cfslib.images.progress" in sys.modules)
    """
    said = subprocess.check_output(
        [sys.executable, "-c", asked], text=True, env=environment(tmp_path)
    )

    assert said == "False\n"


@pytest.mark.parametrize("columns", [10, 40, 80, 200])
def test_a_bar_fits_on_a_line(columns: int) -> None:
    assert all(
        len(progress.drawn("Copying", n, 7, columns)) < columns for n in range(8)
    )


def test_who_wants_to_see_hears_how_far_it_is(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    cache.current(tmp_path, lambda done, total: heard.append((done, total)))

    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert len(heard) > 1
    assert len({total for _, total in heard}) == 1
    assert heard[-1][0] == heard[-1][1]
