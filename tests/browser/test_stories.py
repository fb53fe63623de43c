"""The stories step by step, printed source, and what is left when a kernel ends."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser import audit
from tests.browser.conftest import SHOTS, RunCells
from tests.browser.learner import HEIGHT, THEMES, Notebook
from tests.conftest import needs_namespaces

CELLS = (
    "from cfslib.observe import leak\n"
    "from cfslib.views import leak_steps\n"
    "leak_steps.view({str(k).lower(): leak.of_a_mount(k) for k in leak.STORIES})",
    "from cfslib.observe import climb\n"
    "from cfslib.views import climb_steps\n"
    "climb_steps.view("
    '{"chroot": climb.out_of_chroot(), "pivot_root": climb.out_of_pivot_root()})',
    "from cfslib.observe import succession\n"
    "from cfslib.views import exec_steps\n"
    "exec_steps.view(succession.of_a_command())",
    "from cfslib.observe import stages\n"
    "from cfslib.runtime.spec import Spec\n"
    "from cfslib.views import mount_tree\n"
    "mount_tree.slider(stages.of_a_start(Spec(['true'])))",
    "from cfslib.kernel import syscalls\n"
    "from cfslib.runtime.run import capture\n"
    "from cfslib.views import call_trace\n"
    "def traced():\n"
    "    with syscalls.trace() as calls:\n"
    "        capture(Spec(['hostname']))\n"
    "    return calls\n"
    "call_trace.viewer(traced)",
    "import os\n"
    "from cfslib.lessons import company\n"
    "from cfslib.observe import sightings\n"
    "from cfslib.views import sharing\n"
    "guest = company.container()\n"
    "def rows():\n"
    "    here = [('this notebook', sightings.look(os.getpid()))]\n"
    "    inside = sightings.inside(os.getppid())\n"
    "    return here + [(f'inside: {seen.name}', seen) for seen in inside]\n"
    "guest.come()\n"
    "sharing.view(rows, {'Start a container': guest.come, 'End it': guest.go})",
    "from cfslib.views import lights\nlights.view()",
    "from cfslib.lessons import boxed\n"
    "from cfslib.views import beside\n"
    "beside.view(boxed.run, 'hostname', boxed.forced())",
    "from cfslib.isolation.seccomp.bpf import jeq, ld, ret\n"
    "from cfslib.isolation.seccomp.data import SeccompData\n"
    "from cfslib.views import filter_steps\n"
    "filter_steps.view([ld(0), jeq(1, 0, 1), ret(0x50001), ret(0x7fff0000)], "
    "{'one': SeccompData(1), 'two': SeccompData(2)})",
    "from cfslib.observe import filtered\n"
    "from cfslib.views import profile_trial\n"
    "profile_trial.view([['hostname'], ['ls', '/']], filtered.observed,\n"
    "    filtered.tried, filtered.smallest)",
    "from cfslib.observe import layered\n"
    "from cfslib.views import layer_stack\n"
    "layer_stack.view(layered.played)",
    "from cfslib.isolation import mounts\n"
    "from cfslib.runtime import inside\n"
    "from cfslib.views import source\n"
    "source.show(mounts.keep_private)",
    "source.beside(mounts.keep_private, inside.become, {'mount(': 'rootfs.layer'})",
    "from cfslib.views.durations import bars\n"
    "bars({'UTS': 20, 'a fork and an exec': 800})",
)
VIEWS = 11  # the first of the cells; the others are no widgets
NARROW = 800

pytestmark = needs_namespaces


@pytest.fixture
def notebook(run_cells: RunCells) -> Notebook:
    opened = run_cells(*CELLS)
    opened.look_at_all()
    return opened


def drawn(notebook: Notebook, number: int) -> Locator:
    return notebook.cell(number).locator(".jp-OutputArea-output").last


def test_everything_fits_and_can_be_read_and_reached(notebook: Notebook) -> None:
    every = [drawn(notebook, number) for number in range(len(CELLS))]
    for one in every:
        expect(one).to_be_visible()
    for theme in THEMES:
        notebook.use(theme)
        for number, one in enumerate(every):
            one.screenshot(path=SHOTS / f"story-{number}-{theme}.png")
        assert not audit.findings(notebook.page, ".jp-OutputArea-output")
    for one in every[:VIEWS]:
        assert not audit.out_of_reach(one)

    for one in every:  # beside the file browser
        assert one.evaluate("one => one.scrollWidth <= one.clientWidth")
    notebook.page.set_viewport_size({"width": NARROW, "height": 8 * HEIGHT})
    assert not audit.findings(notebook.page, ".jp-OutputArea-output")
    for number, one in enumerate(every):
        one.screenshot(path=SHOTS / f"story-{number}-narrow.png")


def test_a_story_is_told_with_the_keyboard(notebook: Notebook) -> None:
    view = notebook.view("leak_steps.view(")
    said = view.get_by_role("status").first
    keys = notebook.page.keyboard
    expect(said).to_contain_text("Step 0 of 4")
    view.get_by_role("button", name="Next").focus()
    for number in range(1, 5):
        keys.press("Enter")
        expect(said).to_contain_text(f"Step {number} of 4")
    expect(said).to_contain_text("It is in the container's table as well.")

    view.get_by_label("The container's copy is").select_option("private")
    expect(said).to_contain_text("It is not in the container's table.")
    view.get_by_role("slider").press("Home")
    expect(said).to_contain_text("Step 0 of 4")


def test_a_view_of_a_kernel_that_has_ended_says_so(notebook: Notebook) -> None:
    view = drawn(notebook, 2).locator(".cfs-view")
    ended = "view => getComputedStyle(view, '::after').content"
    assert "has ended" not in view.evaluate(ended)

    notebook.page.locator(".lm-MenuBar-item", has_text="Kernel").click()
    notebook.page.locator(
        ".lm-Menu-item", has_text=re.compile("^Restart Kernel…")
    ).click()
    notebook.page.locator(".jp-Dialog .jp-mod-warn").click()
    expect(
        drawn(notebook, 2).locator(".jupyter-widgets-disconnected")
    ).not_to_have_count(0)
    assert "has ended" in view.evaluate(ended)
    view.screenshot(path=SHOTS / "story-ended.png")
