"""The mount tree: what changed, what is folded away, and what the slider does."""

from dataclasses import replace

from hypothesis import given

from cfslib import stages
from cfslib.spec import Spec
from cfslib.stages import Stage
from cfslib.views import mount_tree
from tests.conftest import needs_namespaces
from tests.views.trees import HOSTILE, mount

ROOT, PROC = mount(1, 0, "/", "ext4"), mount(2, 1, "/proc", "proc")
SHARED = replace(ROOT, tags=("shared:1",))
NEW = mount(3, 1, "/new")
STORY = [
    Stage("the host", "Here.", (SHARED, PROC)),
    Stage("clone", "A copy.", (SHARED, PROC)),
    Stage("make private", "Alone.", (ROOT, PROC)),
    Stage("layer", "More.", (ROOT, PROC, NEW)),
    Stage("detach", "Less.", (replace(NEW, parent=0, target="/"),)),
    Stage("mask", "A number again.", (NEW, mount(2, 3, "/proc/keys"))),
]


def changes(number: int) -> dict[str, str]:
    rows = mount_tree.rows(STORY[number - 1], STORY[number])
    return {row.mount.target: row.change for row in rows}


def test_parents_come_before_their_children() -> None:
    rows = mount_tree.rows(None, Stage("", "", (PROC, ROOT)))

    assert [(row.depth, row.mount.target) for row in rows] == [(0, "/"), (1, "/proc")]


def test_each_row_says_what_the_step_did_to_it() -> None:
    assert changes(2) == {"/": "was shared", "/proc": ""}
    assert changes(3) == {"/": "", "/proc": "", "/new": "new"}
    assert mount_tree.rows(STORY[3], STORY[4])[0].change == "was at /new"
    assert changes(4)["/proc"] == "gone"


def test_mounts_of_the_host_are_folded_until_they_are_gone() -> None:
    assert [mount_tree.from_the_host(STORY, n) for n in range(6)] == [
        {2}, {2}, {2}, {2}, {2}, set()
    ]  # fmt: skip
    assert "1 other mounts of the host</summary>" in mount_tree.to_html(STORY, 3)
    assert "all gone" in mount_tree.to_html(STORY, 4)
    assert "<details>" not in mount_tree.to_html(STORY, 5)


@given(HOSTILE)
def test_a_mount_point_may_have_any_name(name: str) -> None:
    drawn = mount_tree.to_html([Stage("s", "t", (mount(1, 0, "/a" + name),))], 0)
    plain = mount_tree.to_html([Stage("s", "t", (mount(1, 0, "/a"),))], 0)

    assert drawn.count("<") == plain.count("<")
    assert drawn.count('"') == plain.count('"')


def test_the_slider_draws_the_step_it_is_at() -> None:
    view = mount_tree.slider(STORY)
    controls, picture, _ = view.box.children
    controls.children[0].value = 3

    assert picture.value == mount_tree.to_html(STORY, 3)
    assert "Step 3 of 5: layer" in picture.value


def test_the_buttons_go_a_step_back_and_on_and_no_further_than_the_ends() -> None:
    controls, picture, _ = mount_tree.slider(STORY).box.children
    _, back, on = controls.children
    on.click()
    assert "Step 5 of 5" in picture.value

    back.click()
    assert "Step 4 of 5" in picture.value

    for _ in STORY:
        back.click()
    assert "Step 0 of 5" in picture.value


@needs_namespaces
def test_a_real_start_can_be_drawn() -> None:
    told = stages.of_a_start(Spec(["true"]))
    drawn = [mount_tree.to_html(told, number) for number in range(len(told))]

    assert "overlay" not in drawn[2].partition("<details>")[0].partition("<tbody>")[2]
    assert "overlay" in drawn[3]
    # After the old root is gone, the container's own /proc is in sight.
    shown = drawn[-1].partition("<details>")[0]
    assert 'title="/proc"' in shown
    assert 'title="/dev/pts"' in shown
