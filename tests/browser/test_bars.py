"""Bars for what takes long: there while it lasts, gone when it is over."""

from playwright.sync_api import expect

from tests.browser.conftest import SHOTS, RunCells, in_notebook
from tests.browser.learner import Notebook
from tests.conftest import needs_namespaces

BAR = ".widget-hprogress"
SLOW = """
import time
from pathlib import Path
from cfslib.views import first_build

def build(progress):
    progress(3, 10)
    time.sleep(3)
    progress(10, 10)
    return Path("/there")

first_build.view(build)
"""


def test_a_build_has_a_bar_until_it_is_done(run_cells: RunCells) -> None:
    view = run_cells(SLOW).cell(0)

    expect(view.locator(BAR)).to_be_visible()
    view.screenshot(path=SHOTS / "view-first_build-at-work-light.png")
    expect(view).to_contain_text("It is there, in /there.", timeout=10_000)
    expect(view.locator(BAR)).to_be_hidden()


@needs_namespaces
@in_notebook("00-start-here")
def test_the_checks_of_a_notebook_are_run_with_a_bar(notebook: Notebook) -> None:
    numbers = (n for n, c in enumerate(notebook.saved()) if "progress.view" in c.source)
    view = notebook.cell(next(numbers))
    view.get_by_role("button", name="Run its checks").click()

    expect(view.locator(BAR)).to_be_visible()
    expect(view).to_contain_text("was run as it is saved", timeout=30_000)
    expect(view.locator(BAR)).to_be_hidden()
