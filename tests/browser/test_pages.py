"""Notebooks as pages: what nbconvert makes of them, on a screen and on paper."""

import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page

from tests.browser.conftest import SHOTS, window
from tests.browser.lab import PATHS
from tests.browser.learner import THEMES, Theme

# What a web page shows that does not trust the notebook.
HARMLESS = {"br", "details", "em", "kbd", "small", "strong", "sub", "summary", "sup"}

PAGES: list[tuple[str, Theme]] = [(name, theme) for name in PATHS for theme in THEMES]
IN_BLACK: list[tuple[str, Theme]] = [
    (name, "light") for name in PATHS
]  # as nbconvert does, unasked


def of(pages: list[tuple[str, Theme]]) -> pytest.MarkDecorator:
    """Mark a test that looks at these pages."""
    return pytest.mark.parametrize("shown", pages, indirect=True, ids="-".join)


@dataclass(frozen=True)
class Shown:
    """A notebook as a page."""

    name: str
    theme: Theme
    page: Page


@pytest.fixture(scope="module")
def offline(browser: Browser, failures: list[str]) -> Generator[Page]:
    """Open a window that gets nothing from elsewhere, and does not wait for it."""
    with window(browser, failures) as page:
        page.route(re.compile("^https?:"), lambda route: route.abort())
        yield page


@pytest.fixture(scope="module")
def shown(
    request: pytest.FixtureRequest,
    offline: Page,
    tmp_path_factory: pytest.TempPathFactory,
) -> Shown:
    """Convert a notebook and show the page."""
    name, theme = request.param
    exporter = HTMLExporter(template_name="lab", theme=theme)
    made = tmp_path_factory.mktemp(name) / f"{theme}.html"
    made.write_text(exporter.from_filename(str(PATHS[name]))[0])
    offline.goto(made.as_uri())
    return Shown(name, theme, offline)


@of(PAGES)
def test_a_page_has_all_cells_and_fits_its_window(shown: Shown) -> None:
    saved = nbformat.read(PATHS[shown.name], as_version=4).cells
    assert shown.page.locator(".jp-Cell").count() == len(saved)
    assert shown.page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


@of(IN_BLACK)
def test_a_page_can_be_printed(shown: Shown) -> None:
    assert shown.page.pdf(path=SHOTS / f"{shown.name}.pdf").startswith(b"%PDF")


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_text_needs_no_trust(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL)
            assert set(re.findall(r"<(\w+)", prose)) <= HARMLESS, cell.source
