"""What a learner does in JupyterLab, and what there is to see."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nbformat
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab

WIDTH, HEIGHT = 1280, 900
PATIENCE = 60_000  # milliseconds, for what should take a few thousand
VIEW = '[data-mime-type="application/vnd.jupyter.widget-view+json"]'
RED = '[data-mime-type="application/vnd.jupyter.stderr"]'  # errors, too, look so

NUMBER = "data-windowed-list-index"
READY = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'

ALL_HAVE_RUN = """count => {
    const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputArea-prompt")];
    return prompts.length == count
        && prompts.every(prompt => /^\\[\\d+\\]:$/.test(prompt.textContent.trim()));
}"""

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")


def opened(page: Page, lab: Lab, name: str) -> "Notebook":
    """Open a notebook and wait for its cells and its kernel."""
    start = time.monotonic()
    page.goto(lab.address(name))
    page.locator(READY).wait_for(timeout=PATIENCE)
    path = lab.root / f"notebooks/{name}.ipynb"
    return Notebook(page, path, time.monotonic() - start)


@dataclass
class Notebook:
    """A notebook that is open in JupyterLab."""

    page: Page
    path: Path
    seconds: float  # that it took to open

    def run_all(self) -> None:
        """Run all cells, as from the menu, and wait until the last has ended."""
        start = time.monotonic()
        self.page.locator(".lm-MenuBar-item", has_text="Run").click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        code = [cell for cell in self.saved() if cell.cell_type == "code"]
        self.page.wait_for_function(ALL_HAVE_RUN, arg=len(code), timeout=PATIENCE)
        self.seconds += time.monotonic() - start

    def saved(self) -> list[Any]:
        """Return the cells as they are in the file."""
        return list(nbformat.read(self.path, as_version=4).cells)

    def look_at_all(self) -> None:
        """Make the window so high that nothing has to be scrolled."""
        length = self.page.locator(".jp-WindowedPanel-inner").evaluate(
            "notebook => notebook.scrollHeight"
        )
        self.page.set_viewport_size({"width": WIDTH, "height": length + HEIGHT})
        self.page.locator(".jp-WindowedPanel-outer").evaluate(
            "notebook => { notebook.scrollTop = 0 }"
        )

    def cell(self, number: int) -> Locator:
        """Return one cell, counted from 0."""
        return self.page.locator(f'.jp-Cell[{NUMBER}="{number}"]')

    def view(self, code: str) -> Locator:
        """Return the view that the cell with this code draws."""
        numbers = (n for n, cell in enumerate(self.saved()) if code in cell.source)
        return self.cell(next(numbers)).locator(VIEW)

    def red(self) -> set[int]:
        """Return the numbers of the cells that show an error or a warning."""
        cells = self.page.locator(".jp-Cell", has=self.page.locator(RED))
        return {int(cell.get_attribute(NUMBER) or -1) for cell in cells.all()}

    def use(self, theme: Theme) -> None:
        """Switch JupyterLab to the `light` or the `dark` theme."""
        self.page.emulate_media(color_scheme=theme)
        light = str(theme == "light").lower()
        body = self.page.locator("body")
        expect(body).to_have_attribute("data-jp-theme-light", light)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)
