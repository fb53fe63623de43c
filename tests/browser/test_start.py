"""What somebody sees who has just typed `make lab`."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import in_notebook
from tests.browser.lab import Lab
from tests.browser.learner import Notebook, opened

OURS = ("http://localhost:", "http://127.0.0.1:", "data:", "blob:", "ws://localhost:")


@in_notebook("00-start-here")
def test_nobody_is_asked_about_news(notebook: Notebook) -> None:
    # The question would be there by now, and stay until it is answered.
    expect(notebook.page.get_by_text("Jupyter news")).to_have_count(0)


def test_a_terminal_finds_cfs(jupyterlab: Lab) -> None:
    assert jupyterlab.types("command -v cfs").endswith("/cfs")


def test_nothing_is_asked_of_the_network(page: Page, jupyterlab: Lab) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, jupyterlab, "00-start-here")
    jupyterlab.end_kernel("00-start-here")

    assert asked
    assert {url for url in asked if not url.startswith(OURS)} == set()
    expect(page.get_by_role("tab", name="Extension Manager")).to_have_count(0)
