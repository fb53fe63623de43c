"""A browser, JupyterLab in it, and a report of how long things took."""

import os
import shutil
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cfslib.lessons import handout
from tests.browser import lab, learner

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (  # it asks for nothing but what a page asks for
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",  # or where there is none, it is played by the processor
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
SHOTS = Path(__file__).parent / "shots"  # for people to look at; git ignores them
NAME = "01-hostname-in-a-test"  # so that its kernel knows whose it is
# JupyterLab gives up what it has asked of a kernel that is ended, and says so.
ITS_OWN = "Error: Canceled future for "
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


@pytest.fixture(scope="session")
def failures() -> list[str]:
    """Return a list of what scripts have failed with, in any window."""
    return []


@pytest.fixture(autouse=True)
def no_script_fails(failures: list[str]) -> Generator[None]:
    """Have a test fail in which a script did."""
    yield
    seen = [failure for failure in failures if not failure.startswith(ITS_OWN)]
    failures.clear()
    assert not seen


@contextmanager
def window(browser: Browser, failures: list[str]) -> Generator[Page]:
    """Open a window with nothing in it."""
    with browser.new_context(viewport=learner.SIZE) as context:
        opened = context.new_page()
        opened.set_default_timeout(PATIENCE)
        opened.on("pageerror", lambda error: failures.append(str(error)))
        yield opened


@pytest.fixture
def page(browser: Browser, failures: list[str]) -> Generator[Page]:
    """Open a window for one test."""
    with window(browser, failures) as opened:
        yield opened


# Loading JupyterLab takes longer than most tests.  So there are two windows in which it
# stays: one for notebooks that many tests look at, and one for what a test opens.


@pytest.fixture(scope="session")
def window_of_all(browser: Browser, failures: list[str]) -> Generator[Page]:
    """Open a window for notebooks that many tests share."""
    with window(browser, failures) as opened:
        yield opened


@pytest.fixture(scope="session")
def window_of_one(browser: Browser, failures: list[str]) -> Generator[Page]:
    """Open a window for notebooks that a test has to itself."""
    with window(browser, failures) as opened:
        yield opened


@contextmanager
def opened(page: Page, jupyterlab: lab.Lab, name: str) -> Generator[learner.Notebook]:
    """Open a notebook, and close it with its kernel."""
    notebook = learner.opened(page, jupyterlab, name)
    yield notebook
    notebook.close()
    jupyterlab.end_kernel(name)


@pytest.fixture
def run_cells(window_of_one: Page, jupyterlab: lab.Lab) -> Generator[RunCells]:
    """Return a function that runs cells in a notebook of their own, for one test."""
    with ExitStack() as stack:

        def run(*cells: str) -> learner.Notebook:
            name = jupyterlab.write(NAME, *cells)
            notebook = stack.enter_context(opened(window_of_one, jupyterlab, name))
            notebook.run_all()
            return notebook

        yield run


@pytest.fixture
def fresh(
    window_of_one: Page, jupyterlab: lab.Lab, request: pytest.FixtureRequest
) -> Generator[learner.Notebook]:
    """Open a notebook in which nothing has been run."""
    handout.bring_back(jupyterlab.copy(request.param))
    with opened(window_of_one, jupyterlab, request.param) as notebook:
        notebook.look_at_all()
        yield notebook


@pytest.fixture(scope="session")
def notebook(
    request: pytest.FixtureRequest, window_of_all: Page, jupyterlab: lab.Lab
) -> Generator[learner.Notebook]:
    """Open a notebook and run it, once for all tests that are `in_notebook` of it."""
    handout.bring_back(jupyterlab.copy(request.param))
    with opened(window_of_all, jupyterlab, request.param) as notebook:
        notebook.look_at_all()
        notebook.at_first = notebook.read(), notebook.outputs()
        notebook.run_all()
        notebook.look_at_all()
        yield notebook


def in_notebook(*names: str) -> pytest.MarkDecorator:
    """Mark a test that looks at notebooks which have been run."""
    return pytest.mark.parametrize("notebook", names, indirect=True)
