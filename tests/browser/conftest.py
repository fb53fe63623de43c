"""A browser, JupyterLab in it, and a report of how long things took."""

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser import lab, learner

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (  # it asks for nothing but what a page asks for
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
SHOTS = Path(__file__).parent / "shots"  # for people to look at; git ignores them
TIMES = pytest.StashKey[list[str]]()

Open = Callable[[str], learner.Notebook]
Report = Callable[[str], None]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TIMES] = []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    lines = config.stash[TIMES]
    if lines:
        terminalreporter.section("how long it took")
        terminalreporter.write_line("\n".join(lines))


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Report:
    """Return a function that adds a line to what is shown after all tests."""
    lines = pytestconfig.stash[TIMES]
    return lambda line: lines.append(line)


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    """Start a browser that is installed here."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if not path and "CI" not in os.environ:
        pytest.skip("needs a browser.  On Debian: apt install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Generator[lab.Lab]:
    """Start JupyterLab once for all tests."""
    with lab.running(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    """Open a window with nothing in it; no script in it may fail."""
    size: ViewportSize = {"width": learner.WIDTH, "height": learner.HEIGHT}
    with browser.new_context(viewport=size) as context:
        opened = context.new_page()
        wrong: list[str] = []
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        yield opened

    assert not wrong


@pytest.fixture
def open_notebook(page: Page, jupyterlab: lab.Lab) -> Generator[Open]:
    """Return a function that opens a notebook; its kernel ends with the test."""
    yield lambda name: learner.opened(page, jupyterlab, name)
    jupyterlab.end_kernels()
