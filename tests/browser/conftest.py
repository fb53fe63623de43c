"""A browser, JupyterLab in it, and a report of how long things took."""

import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

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
NAME = "01-hostname-in-a-test"  # so that its kernel knows whose it is
PATIENCE = 20_000  # milliseconds, for a click on a busy machine
expect.set_options(timeout=PATIENCE)

RunCells = Callable[..., learner.Notebook]  # takes the code of each
Report = Callable[[str], None]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    done = [
        *terminalreporter.getreports("passed"),
        *terminalreporter.getreports("failed"),
    ]
    told = [line for report in done for name, line in report.user_properties]
    if told:
        terminalreporter.section("how long it took")
        terminalreporter.write_line("\n".join(map(str, told)))


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    """Return a function that adds a line to what is shown after all tests."""
    return lambda line: record_property("took", line)


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


@contextmanager
def window(browser: Browser) -> Generator[Page]:
    """Open a window with nothing in it; no script in it may fail."""
    size: ViewportSize = {"width": learner.WIDTH, "height": learner.HEIGHT}
    with browser.new_context(viewport=size) as context:
        opened = context.new_page()
        opened.set_default_timeout(PATIENCE)
        wrong: list[str] = []
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        yield opened

    assert not wrong


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    """Open a window for one test."""
    with window(browser) as opened:
        yield opened


@pytest.fixture
def run_cells(page: Page, jupyterlab: lab.Lab) -> Generator[RunCells]:
    """Return a function that runs cells in a notebook of their own, for one test."""

    def run(*cells: str) -> learner.Notebook:
        opened = learner.opened(page, jupyterlab, jupyterlab.write(NAME, *cells))
        opened.run_all()
        return opened

    yield run
    jupyterlab.end_kernel(NAME)


@pytest.fixture(scope="session")
def notebook(
    request: pytest.FixtureRequest, browser: Browser, jupyterlab: lab.Lab
) -> Generator[learner.Notebook]:
    """Open a notebook and run it, once for all tests that are `in_notebook` of it."""
    with window(browser) as page:
        opened = learner.opened(page, jupyterlab, request.param)
        opened.run_all()
        opened.look_at_all()
        yield opened
        jupyterlab.end_kernel(request.param)


def in_notebook(*names: str) -> pytest.MarkDecorator:
    """Mark a test that looks at notebooks which have been run."""
    return pytest.mark.parametrize("notebook", names, indirect=True)
