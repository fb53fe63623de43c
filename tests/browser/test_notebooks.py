"""Every notebook, opened and run in JupyterLab."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator

from tests.browser import audit
from tests.browser.conftest import SHOTS, Open, Report
from tests.browser.lab import TOP
from tests.browser.learner import THEMES, VIEW, Notebook
from tests.conftest import needs_namespaces

NAMES = sorted(path.stem for path in (TOP / "notebooks").glob("*.ipynb"))
SECONDS = 15  # to open a notebook and run all its cells
OURS = (".jp-RenderedMarkdown", ".jp-OutputArea-output")


def expected_red(notebook: Notebook) -> set[int]:
    """Return the numbers of the cells whose saved outputs have an error or warning."""
    return {
        number
        for number, cell in enumerate(notebook.saved())
        for output in cell.get("outputs", [])
        if output.output_type == "error" or output.get("name") == "stderr"
    }


def not_drawn(notebook: Notebook) -> Iterator[str]:
    """Say what is there instead of each view that was not drawn."""
    for view in notebook.page.locator(VIEW).all():
        if not view.locator(".jupyter-widgets").count() or "widget..." in text(view):
            yield text(view)


def text(place: Locator) -> str:
    return str(place.inner_text())


@needs_namespaces
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_as_a_learner_runs_it(
    name: str, open_notebook: Open, report: Report
) -> None:
    notebook = open_notebook(name)
    red = expected_red(notebook)  # before JupyterLab saves what it ran
    notebook.run_all()
    report(f"{name:15} opened and run in {notebook.seconds:4.1f} s")
    notebook.look_at_all()

    assert notebook.red() == red
    assert not list(not_drawn(notebook))
    assert notebook.seconds < SECONDS
    for theme in THEMES:
        notebook.use(theme)
        notebook.page.screenshot(path=SHOTS / f"{name}-{theme}.png")
        assert not audit.findings(notebook.page, *OURS), theme
