"""One on the way into a container: what he has in common with it after each call."""

from collections.abc import Generator

import pytest

from cfslib.lessons import guests
from cfslib.observe import arrival, sightings
from cfslib.observe.arrival import EXEC, NSENTER, RECORDED, Moment
from cfslib.observe.belongings import NEITHER, OURS, THEIRS
from cfslib.runtime import running
from cfslib.runtime.spec import Spec
from tests.conftest import needs_namespaces, wait_until
from tests.life import life


@pytest.fixture(scope="module")
def stories() -> Generator[dict[str, list[Moment]]]:
    with life() as found, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", found.env["XDG_RUNTIME_DIR"])
        with running.start(Spec(["sleep", "1000"], userns="private")) as container:
            yield arrival.stories(container)
            pid1 = guests.first(container)
            assert wait_until(lambda: len(sightings.below(pid1)) == 1)  # nobody stayed


def lights(moment: Moment) -> dict[str, str]:
    return {light.name: light.whose for light in moment.lights}


def after(story: list[Moment], call: str) -> dict[str, str]:
    return next(lights(moment) for moment in story if call in moment.call)


@needs_namespaces
def test_before_nothing_is_the_containers(stories: dict[str, list[Moment]]) -> None:
    for name in (EXEC, NSENTER):
        assert set(lights(stories[name][0]).values()) == {OURS}


@needs_namespaces
def test_each_call_changes_what_it_is_for(stories: dict[str, list[Moment]]) -> None:
    story = stories[EXEC]

    assert after(story, "NEWUSER")["USER"] == THEIRS
    assert after(story, "NEWUSER")["rights"] == NEITHER
    assert after(story, "NEWUTS")["UTS"] == THEIRS
    assert after(story, "NEWPID")["PID"] == OURS  # which is for the child
    assert after(story, "NEWNS") == after(story, "NEWPID") | dict.fromkeys(
        ("MNT", "/", "."), THEIRS
    )
    assert after(story, "unshare")["CGROUP"] == NEITHER
    assert after(story, "seccomp")["filter"] == THEIRS
    assert after(story, "capset")["rights"] == THEIRS
    assert after(story, "execve")["program"] == THEIRS


@needs_namespaces
def test_in_the_end_exec_has_all_but_the_very_cgroup_namespace(
    stories: dict[str, list[Moment]],
) -> None:
    end = lights(stories[EXEC][-1])

    assert {name for name, whose in end.items() if whose != THEIRS} == {"CGROUP"}


@needs_namespaces
def test_nsenter_has_namespaces_and_what_comes_with_them(
    stories: dict[str, list[Moment]],
) -> None:
    end = lights(stories[NSENTER][-1])
    without = {name for name, whose in end.items() if whose != THEIRS}

    assert without - {"groups"} == {"CGROUP", "rights", "filter"}


@needs_namespaces
def test_where_containers_have_groups_nothing_is_recorded(
    stories: dict[str, list[Moment]],
) -> None:
    assert (RECORDED in stories) != ("groups" in lights(stories[EXEC][0]))


def test_the_recording_has_groups_and_ends_inside() -> None:
    story = arrival.recorded()

    assert lights(story[0])["groups"] == OURS
    assert after(story, "CLONE_INTO_CGROUP")["groups"] == THEIRS
    assert lights(story[-1])["program"] == THEIRS
