"""A notebook is run as it is saved: what fails in it, what it prints, how far it is."""

from pathlib import Path

import nbformat
import pytest

from cfslib.lessons import journal, rehearsal


def notebook(place: Path, *cells: str) -> Path:
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    nbformat.write(made, place / "01-short.ipynb")
    return place / "01-short.ipynb"


def test_every_cell_is_run_and_counted(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    path = notebook(
        tmp_path, "import os", "1 / 0", "print('x' * 99999)", "os.mkdir('made')"
    )
    rehearsal.perform(path, lambda done, total: heard.append((done, total)))

    assert (tmp_path / "made").is_dir()
    assert heard == [(n, 4) for n in range(5)]


def test_what_a_check_finds_done_is_written_down(tmp_path: Path) -> None:
    point = "from cfslib.lessons import Point, verdict; p = Point('so', True, '')"
    rehearsal.perform(notebook(tmp_path, point, "verdict(p, of=('01-short', 3))"))

    assert ["01-short", 3] in journal._done()
    journal.forget("01-short")


def test_a_notebook_that_ends_early_is_an_error(tmp_path: Path) -> None:
    path = notebook(tmp_path, "import os; os._exit(3)", "print(1)")

    with pytest.raises(ChildProcessError, match="did not get to its end"):
        rehearsal.perform(path)
