"""The mount tree: what changed, what is folded away, and what the slider does."""

from hypothesis import given

from cfslib.observe import stages
from cfslib.observe.stages import Stage
from cfslib.runtime.spec import Spec
from cfslib.views import mount_tree
from tests.conftest import needs_namespaces
from tests.views.test_mount_rows import STORY
from tests.views.trees import HOSTILE, mount


def test_mounts_of_the_host_are_folded_until_they_are_gone() -> None:
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
    shown = [html.partition("<details>")[0] for html in drawn]

    # One more than before, since the host's own root may be one.
    assert shown[3].count("<td>overlay") == shown[2].count("<td>overlay") + 1
    # After the old root is gone, the container's own /proc is in sight.
    assert 'title="/proc"' in shown[-1]
    assert 'title="/dev/pts"' in shown[-1]
