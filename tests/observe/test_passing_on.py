"""The five sets, through fork, exec and setuid."""

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities, idmaps
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import libc, syscalls
from cfslib.observe import file_fates, passing_on, rights
from cfslib.observe.passing_on import STORIES
from cfslib.observe.rights import ONE_USER
from tests.conftest import needs_user_namespaces

pytestmark = needs_user_namespaces


@pytest.mark.parametrize("name", STORIES)
def test_a_story_goes_as_it_was_recorded(name: str) -> None:
    told = passing_on.told(name)

    assert told.moments == passing_on.recorded(name, "").moments
    assert told.recorded in ("", ONE_USER, rights.NO_GAIN)


def test_what_takes_one_user_is_told_here() -> None:
    here = {name for name in STORIES if not passing_on.told(name).recorded}

    assert len(here) >= len(STORIES) - (2 if rights.can_gain() else 4)


@pytest.mark.parametrize("name", ["root", "a file that has a right"])
def test_where_nothing_can_be_gained_there_is_a_recording(name: str) -> None:
    def told() -> passing_on.Told:
        capabilities.gain_no_more()
        return passing_on.told(name)

    assert in_child(told) == passing_on.recorded(name, rights.NO_GAIN)


def test_with_one_user_there_is_a_recording() -> None:
    def told() -> passing_on.Told:
        idmaps.unshare_as_root(Namespace(0))  # in which /etc/subuid is of no use
        return passing_on.told("from root to another user")

    assert in_child(told).recorded == ONE_USER


@pytest.mark.parametrize("name", STORIES)
def test_an_exec_goes_by_the_rules_of_the_manual(name: str) -> None:
    """See "Transformation of capabilities during execve()" in capabilities(7)."""
    before, after = (
        moment.sets for moment in passing_on.recorded(name, "").moments[-2:]
    )
    as_root = after.uid == 0 and "NOROOT" not in name
    its = 1 << Capability.CHOWN if name == "a file that has a right" else 0
    everything = (1 << capabilities.last_known() + 1) - 1
    has_file = bool(its or as_root)
    ambient = 0 if has_file else before.ambient
    of_file = (everything if as_root else its) & before.bounding

    assert after.ambient == ambient
    assert after.permitted == (before.inheritable & everything * as_root) | (
        of_file | ambient
    )
    assert after.effective == (after.permitted if has_file else ambient)
    assert (after.inheritable, after.bounding) == (before.inheritable, before.bounding)


def test_a_right_must_be_permitted_to_be_ambient() -> None:
    def give() -> None:
        rights.be_user()
        syscalls.capset(0, 0, 0)
        rights.give_to_programs(Capability.CHOWN)

    with pytest.raises(PermissionError, match="capset"):
        in_child(give)


def test_a_file_may_lose_its_right() -> None:
    fates = file_fates.of_files()

    assert fates.given == file_fates.RECORDED
    assert set(fates.given.values()) == {"CHOWN", "none"}
    assert bool(fates.recorded) == (not rights.can_gain())


def test_sets_are_read_in_words() -> None:
    own = rights.look()

    assert own.effective == libc.capget()[0]
    assert str(own).splitlines()[3].split()[0] == "bounding"
    assert rights.words((1 << capabilities.last_known() + 1) - 1) == "all"
    assert rights.words(0) == "none"
