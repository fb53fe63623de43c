"""What a learner does in JupyterLab, and what there is to see."""

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nbformat
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.browser.lab import COPIES, Lab
from tests.conftest import wait_until

WIDTH, HEIGHT = 1280, 900
SIZE: ViewportSize = {"width": WIDTH, "height": HEIGHT}
PATIENCE = 60_000  # milliseconds, for what should take a few thousand
VIEW = ".jp-OutputArea-output:has(.jupyter-widgets)"  # one that is drawn
LAUNCHER = ".jp-Launcher"
RED = '[data-mime-type="application/vnd.jupyter.stderr"]'  # errors, too, look so

DONE = re.compile(r"\[\d+\]")
NUMBER = "data-windowed-list-index"

ALL_ARE_THERE = "count => document.querySelectorAll('.jp-Cell').length == count"
ALL_HAVE_RUN = """() => {
    const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputArea-prompt")];
    return prompts.every(prompt => /^\\[\\d+\\]:$/.test(prompt.textContent.trim()));
}"""

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")


def opened(page: Page, lab: Lab, name: str) -> "Notebook":
    """Open a notebook, and wait for its cells and its kernel.

    A window loads JupyterLab with its first notebook, and again if a test has failed.
    """
    start = time.monotonic()
    if page.locator(LAUNCHER).count():  # all that is there when notebooks are closed
        choose(page, "File", "Open from Path…")
        page.locator(".jp-Dialog input").fill(f"{COPIES}/{name}.ipynb")
        page.keyboard.press("Enter")
    else:
        page.goto(lab.address(name))
    notebook = Notebook(page, lab.copy(name))
    # JupyterLab says "idle" from the first, and adds one cell after the other: what
    # is started before it has all of them runs only those that are there.
    # It adds them when it is idle, and while nothing is drawn that may be never.
    page.wait_for_function(ALL_ARE_THERE, arg=len(notebook.saved()), timeout=PATIENCE)
    lab.wait_for_kernel(name)
    status = page.locator(".jp-Notebook-ExecutionIndicator")
    expect(status).to_have_attribute("data-status", "idle", timeout=PATIENCE)
    notebook.seconds = time.monotonic() - start
    return notebook


def choose(page: Page, menu: str, item: str) -> None:
    """Choose from JupyterLab's menus."""
    page.locator(".lm-MenuBar-item", has_text=menu).click()
    page.get_by_role("menuitem", name=item, exact=True).click()


@dataclass
class Notebook:
    """A notebook that is open in JupyterLab."""

    page: Page
    path: Path
    seconds: float = 0  # that it took to open, and to run
    at_first: tuple[str, int] = "", 0  # its text and outputs, before any cell was run

    def run_all(self) -> None:
        """Run all cells, as from the menu, and wait until the last has ended."""
        start = time.monotonic()
        choose(self.page, "Run", "Run All Cells")
        # To ask at each frame, as is usual, would have it draw frames for that alone.
        self.page.wait_for_function(ALL_HAVE_RUN, timeout=PATIENCE, polling=100)
        self.seconds += time.monotonic() - start

    def saved(self) -> list[Any]:
        """Return the cells as they are in the file."""
        assert wait_until(self._is_whole)
        return list(nbformat.read(self.path, as_version=4).cells)

    def _is_whole(self) -> bool:
        """Say if nobody saves it right now: it is emptied, and then written."""
        try:
            json.loads(self.path.read_text())
        except ValueError:
            return False
        return True

    def look_closely(self) -> None:
        """Have a window as a learner has it, since a high one answers slowly."""
        if self.page.viewport_size != SIZE:
            self.page.set_viewport_size(SIZE)

    def look_at_all(self) -> None:
        """Make the window so high that nothing has to be scrolled."""
        length = self.page.locator(".jp-WindowedPanel-inner").evaluate(
            "notebook => notebook.scrollHeight"
        )
        self.page.set_viewport_size({"width": WIDTH, "height": length + HEIGHT})
        self.page.locator(".jp-WindowedPanel-outer").evaluate(
            "notebook => { notebook.scrollTop = 0 }"
        )

    def read(self) -> str:
        """Return what there is to read."""
        return str(self.page.locator(".jp-Notebook").inner_text())

    def outputs(self) -> int:
        """Return how many outputs there are."""
        return int(self.page.locator(".jp-OutputArea-output").count())

    def close(self) -> None:
        """Close it without saving, so that the window is as before."""
        self.look_closely()
        self.use("light")
        choose(self.page, "File", "Close All Tabs")
        discard = self.page.get_by_role("button", name="Discard")
        expect(discard.or_(self.page.locator(LAUNCHER))).to_be_visible()
        if discard.count():
            discard.click()
        expect(self.page.locator(".jp-Notebook")).to_have_count(0)

    def cell(self, number: int) -> Locator:
        """Return one cell, counted from 0."""
        return self.page.locator(f'.jp-Cell[{NUMBER}="{number}"]')

    def view(self, code: str) -> Locator:
        """Return the view that the cell with this code draws, to play with."""
        self.look_closely()
        numbers = (n for n, cell in enumerate(self.saved()) if code in cell.source)
        return self.cell(next(numbers)).locator(VIEW)

    def red(self) -> set[int]:
        """Return which cells of code show an error or a warning, counted from 0."""
        cells = self.page.locator(".jp-CodeCell").all()
        return {n for n, cell in enumerate(cells) if cell.locator(RED).count()}

    def numbers(self, code: str) -> list[int]:
        """Return the numbers of the cells with this code."""
        return [n for n, cell in enumerate(self.saved()) if code in cell.source]

    def run(self, number: int) -> Locator:
        """Run one cell with the keyboard; return it when it has ended."""
        self.look_closely()
        cell = self.cell(number)
        cell.scroll_into_view_if_needed()
        cell.locator(".jp-InputPrompt").click()
        self.page.keyboard.press("Control+Enter")
        prompt = cell.locator(".jp-InputArea-prompt")
        expect(prompt).to_have_text(DONE, timeout=PATIENCE)
        return cell

    def write(self, number: int, code: str) -> None:
        """Replace what is in a cell."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(code)

    def use(self, theme: Theme) -> None:
        """Switch JupyterLab to the `light` or the `dark` theme."""
        self.page.emulate_media(color_scheme=theme)
        light = str(theme == "light").lower()
        body = self.page.locator("body")
        expect(body).to_have_attribute("data-jp-theme-light", light)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)
