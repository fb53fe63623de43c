"""Pictures of each notebook and each view, for people to look at: `make screenshots`.

They lie in `shots`, which git ignores; two of them are also in the README.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, expect

from tests.browser import test_pages
from tests.browser.conftest import SHOTS, in_notebook
from tests.browser.lab import TOP, Lab
from tests.browser.learner import THEMES, Notebook

IMAGES = TOP / "notebooks/images"
IN_THE_README = ("sharing-light", "ladder-light")


@dataclass(frozen=True)
class Scene:
    """A view, and what a learner did before the picture was taken."""

    name: str
    notebook: str
    code: str  # in the cell that draws it
    act: Callable[[Locator], None] = lambda view: None


def press(label: str, answer: str) -> Callable[[Locator], None]:
    """Return what presses a button and waits for what the view then says."""

    def pressed(view: Locator) -> None:
        view.get_by_role("button", name=label, exact=True).click()
        expect(view).to_contain_text(answer, timeout=20_000)

    return pressed


def choose(view: Locator) -> None:
    view.get_by_role("radio").first.check()
    expect(view.get_by_role("status")).to_be_visible()
    view.locator("summary").click()


def untick_pid(view: Locator) -> None:
    view.get_by_role("checkbox", name="PID").uncheck()
    expect(view).to_contain_text("PID is shared with the host now")


def to_the_middle(view: Locator) -> None:
    for _ in range(5):
        view.get_by_role("button", name="Next", exact=True).click()
    expect(view).to_contain_text("Step 5 of 9")


def unfold(view: Locator) -> None:
    view.locator("summary").nth(3).click()


def with_ten_users(view: Locator) -> None:
    view.get_by_label("Map").select_option(value="ten users")
    view.get_by_label("setuid").select_option(value="5")
    expect(view).to_contain_text("setuid(5) = 0")


def send_outside(view: Locator) -> None:
    view.get_by_label("Send", exact=True).select_option(value="a to outside")
    for _ in range(16):
        view.get_by_role("button", name="Next", exact=True).click()
    expect(view).to_contain_text("masqueraded")


SCENES = (
    Scene("quiz", "00-start-here", "asked.RENAMED", choose),
    Scene("beside", "01-hostname", "beside.view"),
    Scene("beside-changed", "00-start-here", "beside.view", untick_pid),
    Scene("first_build", "00-start-here", "first_build.view"),
    Scene("progress", "00-start-here", "progress.view"),
    Scene("sharing", "01-hostname", "sharing.view", press("Start a container", "cat")),
    Scene("ladder", "02-pid", "ladder.view", press("SIGTERM", "SIGTERM to first")),
    Scene("mount_tree", "03-mount", "mount_tree.slider"),
    Scene("mount_tree-before", "03-mount", "mount_tree.slider", to_the_middle),
    Scene("rootfs_tree", "04-chroot", "rootfs_tree.explorer"),
    Scene("call_trace", "05-cfs-run", "call_trace.viewer", unfold),
    Scene("layer_stack", "08-images", "layer_stack.view", press("Do it", "Copy-up")),
    Scene("packet_way", "09-network", "packet_way.view", send_outside),
    Scene("lights", "10-capabilities", "lights.view", press("Next", "Step 1 of")),
    Scene("filter_steps", "11-seccomp", "filter_steps.view", press("Next", "A is")),
    Scene("profile_trial", "11-seccomp", "profile_trial.view"),
    Scene("arrival_steps", "12-enter", "arrival_steps.view", press("Next", "Step 1")),
    Scene(
        "group_tree",
        "07-cgroups",
        "group_tree.view",
        press("Start all three", "forking was refused"),
    ),
    Scene(
        "limit_gauge",
        "05-cfs-run",
        "limit_gauge.gauge",
        press("Start the fork bomb", "What the kernel did"),
    ),
    Scene("rulers", "06-users", "rulers.view", with_ten_users),
)
SETTINGS = ".jupyter/lab/user-settings/@jupyterlab/notebook-extension"
NAMES = sorted(path.stem for path in (TOP / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_out(jupyterlab: Lab) -> None:
    """Have JupyterLab draw those cells, too, that are out of sight."""
    folder = jupyterlab.home / SETTINGS
    folder.mkdir(parents=True)
    setting = {"windowingMode": "none"}
    (folder / "tracker.jupyterlab-settings").write_text(json.dumps(setting))


@in_notebook(*NAMES)
def test_a_notebook_and_its_views_are_pictured(notebook: Notebook) -> None:
    name = notebook.path.stem
    scenes = [scene for scene in SCENES if scene.notebook == name]
    for scene in scenes:
        view = drawn_by(scene.code, notebook)
        scene.act(view)
        for theme in THEMES:
            notebook.use(theme)
            keep(view, f"{scene.name}-{theme}")
    for theme in THEMES:
        notebook.use(theme)
        whole = notebook.page.locator(".jp-WindowedPanel-viewport")
        whole.screenshot(path=SHOTS / f"{name}-{theme}.png")


offline, shown = test_pages.offline, test_pages.shown  # fixtures


@test_pages.of(test_pages.PAGES)
def test_a_page_is_pictured(shown: test_pages.Shown) -> None:
    picture = SHOTS / f"page-{shown.name}-{shown.theme}.png"
    shown.page.screenshot(path=picture, full_page=True)


def drawn_by(code: str, notebook: Notebook) -> Locator:
    """Return what the cell with this code draws."""
    numbers = (n for n, cell in enumerate(notebook.saved()) if code in cell.source)
    return notebook.cell(next(numbers)).locator(".jp-OutputArea-output")


def keep(view: Locator, name: str) -> None:
    """Take a picture of a view, and another for the README if it shows this one."""
    picture = SHOTS / f"view-{name}.png"
    view.screenshot(path=picture)
    if name in IN_THE_README:
        IMAGES.mkdir(exist_ok=True)
        shutil.copyfile(picture, IMAGES / f"{name.rpartition('-')[0]}.png")
