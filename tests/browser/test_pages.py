"""Notebooks as pages: what nbconvert makes of them, on a screen and on paper."""

import re
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page

from tests.browser.conftest import SHOTS
from tests.browser.lab import PATHS
from tests.browser.learner import THEMES

# What a web page shows that does not trust the notebook.
HARMLESS = {"br", "details", "em", "kbd", "small", "strong", "sub", "summary", "sup"}

each = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)


def convert(path: Path, place: Path, **options: object) -> str:
    """Convert a notebook and return the address of the page."""
    exporter = HTMLExporter(template_name="lab", **options)
    made = place / f"{path.stem}.html"
    made.write_text(exporter.from_filename(str(path))[0])
    return made.as_uri()


@pytest.fixture
def offline(page: Page) -> Page:
    """Return a window that gets nothing from elsewhere, and does not wait for it."""
    page.route(re.compile("^https?:"), lambda route: route.abort())
    return page


@each
@pytest.mark.parametrize("theme", THEMES)
def test_a_page_has_all_cells_and_fits_its_window(
    path: Path, theme: str, offline: Page, tmp_path: Path
) -> None:
    offline.goto(convert(path, tmp_path, theme=theme))
    offline.screenshot(path=SHOTS / f"page-{path.stem}-{theme}.png", full_page=True)

    saved = nbformat.read(path, as_version=4).cells
    assert offline.locator(".jp-Cell").count() == len(saved)
    assert offline.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


@each
def test_a_page_can_be_printed(path: Path, offline: Page, tmp_path: Path) -> None:
    offline.goto(convert(path, tmp_path))
    SHOTS.mkdir(exist_ok=True)

    assert offline.pdf(path=SHOTS / f"{path.stem}.pdf").startswith(b"%PDF")


@each
def test_a_text_needs_no_trust(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL)
            assert set(re.findall(r"<(\w+)", prose)) <= HARMLESS, cell.source
