"""What a view shows when it fails, and what the audit finds if there is something."""

import re

from playwright.sync_api import expect

from tests.browser import audit
from tests.browser.conftest import RunCells
from tests.browser.learner import THEMES

# A process with threads, such as a notebook's, may not do this.
REFUSED = """
from cfslib.kernel import syscalls
from cfslib.isolation.namespaces import Namespace
from cfslib.views import sharing

sharing.view(
    lambda: [],
    {"Ask": lambda: syscalls.unshare(Namespace.USER), "Divide": lambda: 1 / 0},
)
"""
UNREADABLE = """
from IPython.display import HTML

HTML('''
<select><option>nobody says what of</option></select>
<p style="color: #999; background: #aaa">hard: grey on grey</p>
<p style="color: #999; background: #aaa">hard: grey on grey once more</p>
<div style="color: black; background: white"><i>black on white</i></div>
<div style="color: black; background: #333"><i>hard: black on grey</i></div>
<span role="slider" aria-valuenow="1" tabindex="0"></span>
''')
"""
UNREACHABLE = """
from IPython.display import HTML

HTML("<button>for all</button><button tabindex=-1>for the mouse</button>")
"""


def test_a_callback_that_fails_shows_its_error_and_hint(run_cells: RunCells) -> None:
    notebook = run_cells(REFUSED)
    view = notebook.view("sharing.view(")
    said = view.get_by_role("alert")
    expect(said).to_have_count(0)

    view.get_by_role("button", name="Ask").click()
    expect(said).to_contain_text("unshare(USER): Invalid argument")
    expect(said).to_contain_text("Hint: ")
    expect(said).not_to_contain_text("Traceback")

    # What is our own mistake comes with the way to it.
    view.get_by_role("button", name="Divide").click()
    expect(said).to_contain_text("ZeroDivisionError: division by zero")
    said.get_by_text("where").click()
    expect(said.get_by_text("Traceback")).to_be_visible()

    view.get_by_role("button", name="Look again").click()
    expect(said).to_have_count(0)


def test_the_audit_finds_what_only_a_mouse_could_use(run_cells: RunCells) -> None:
    notebook = run_cells(UNREACHABLE)
    found = audit.out_of_reach(notebook.page.locator(".jp-OutputArea-output"))

    assert len(found) == 1
    assert "for the mouse" in found[0]


def test_the_audit_finds_what_some_cannot_read(run_cells: RunCells) -> None:
    notebook = run_cells(UNREADABLE)
    for theme in THEMES:
        notebook.use(theme)
        found = audit.findings(notebook.page, ".jp-OutputArea-output")

        kinds = {finding.partition(":")[0] for finding in found}
        assert kinds == {"aria-input-field-name", "color-contrast", "select-name"}
        # Each look once.
        words = [said for one in found for said in re.findall("hard: [^<]*", one)]
        assert words == ["hard: grey on grey", "hard: black on grey"]
