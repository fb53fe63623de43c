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
    assert "1 other mounts of the host</summary>" in mount_tree.drawn(STORY, 3)
    assert "all gone" in mount_tree.drawn(STORY, 4)
    assert "other mounts" not in mount_tree.drawn(STORY, 5)


@given(HOSTILE)
def test_a_mount_point_may_have_any_name(name: str) -> None:
    drawn = mount_tree.drawn([Stage("s", "t", (mount(1, 0, "/a" + name),))], 0)
    plain = mount_tree.drawn([Stage("s", "t", (mount(1, 0, "/a"),))], 0)

    assert drawn.count("<") == plain.count("<")
    assert drawn.count('"') == plain.count('"')


def test_the_host_and_the_container_have_a_root_each_and_a_wire_between() -> None:
    assert "is not there yet" in mount_tree.drawn(STORY, 0)
    assert "shared: both ways" in mount_tree.drawn(STORY, 1)
    assert "private: no wire" in mount_tree.drawn(STORY, 2)
    assert "wire" not in mount_tree.drawn(STORY, 4)  # the container has another root


def test_the_slider_starts_at_the_first_step_and_goes_on() -> None:
    controls, picture, _ = mount_tree.slider(STORY).box.children
    assert "Step 0 of 5: the host" in picture.value

    controls.children[-1].value = 3
    assert "Step 3 of 5: layer" in picture.value


@needs_namespaces
def test_a_real_start_can_be_drawn() -> None:
    told = stages.of_a_start(Spec(["true"]))
    drawn = [mount_tree.drawn(told, number) for number in range(len(told))]
    shown = [html.partition("other mounts of the host")[0] for html in drawn]

    # One more than before, since the host's own root may be one.
    assert shown[3].count("<td>overlay") == shown[2].count("<td>overlay") + 1
    # After the old root is gone, the container's own /proc is in sight.
    assert 'title="/proc"' in shown[-1]
    assert 'title="/dev/pts"' in shown[-1]
