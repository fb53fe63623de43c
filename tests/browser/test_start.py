"""What somebody sees who has just typed `make lab`."""

from playwright.sync_api import expect

from tests.browser.conftest import in_notebook
from tests.browser.learner import Notebook


@in_notebook("00-start-here")
def test_nobody_is_asked_about_news(notebook: Notebook) -> None:
    # The question would be there by now, and stay until it is answered.
    expect(notebook.page.get_by_text("Jupyter news")).to_have_count(0)
