"""Every notebook, opened and run in JupyterLab."""

from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser import audit
from tests.browser.conftest import Report, in_notebook
from tests.browser.lab import PATHS
from tests.browser.learner import THEMES, VIEW, Notebook, Theme
from tests.conftest import in_time, needs_namespaces

# To open a notebook and run all its cells, beside another one.  The first of all loads
# JupyterLab as well, and has no rootfs yet.
SECONDS = 60
HALF = 800  # pixels, of which JupyterLab takes half
WIDER_THAN_ITS_PLACE = """all => all.filter(
    one => one.scrollWidth > one.closest(".jp-OutputArea-output").clientWidth
).map(one => one.innerText)"""

pytestmark = [needs_namespaces, in_notebook(*PATHS)]


def test_a_notebook_is_opened_and_run_soon(notebook: Notebook, report: Report) -> None:
    report(f"{notebook.path.stem:15} opened and run in {notebook.seconds:4.1f} s")

    in_time(notebook.seconds, SECONDS)


def test_nothing_fails_but_what_should(notebook: Notebook) -> None:
    assert notebook.red() == {
        number
        for number, output in handed_out(notebook)
        if output.output_type == "error" or output.get("name") == "stderr"
    }


def test_every_view_is_drawn(notebook: Notebook) -> None:
    views = [
        number
        for number, output in handed_out(notebook)
        if "run this cell to see it" in output.get("data", {}).get("text/plain", "")
    ]

    expect(notebook.page.locator(VIEW)).to_have_count(len(views))


def test_in_half_a_window_the_text_of_a_view_stays_in_sight(notebook: Notebook) -> None:
    page = notebook.page
    whole = page.viewport_size
    assert whole
    page.set_viewport_size({"width": HALF, "height": whole["height"]})
    page.wait_for_function(f"document.body.clientWidth <= {HALF}")
    wide = page.locator(".cfs").evaluate_all(WIDER_THAN_ITS_PLACE)
    page.set_viewport_size(whole)

    assert not wide


def test_no_view_needs_a_mouse(notebook: Notebook) -> None:
    for view in notebook.page.locator(VIEW).all():
        assert not audit.out_of_reach(view)


@pytest.mark.parametrize("theme", THEMES)
def test_everybody_can_read_it(notebook: Notebook, theme: Theme) -> None:
    notebook.use(theme)

    assert not audit.findings(notebook.page, *audit.OURS, rules=audit.RULES[theme])


def handed_out(notebook: Notebook) -> Iterator[tuple[int, Any]]:
    """Yield each output as we saved it, with the number of its cell among the code."""
    saved = nbformat.read(PATHS[notebook.path.stem], as_version=4)
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code):
        for output in cell.outputs:
            yield number, output
