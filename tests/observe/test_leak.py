"""A mount that reaches another mount namespace, or does not."""

import pytest

from cfslib.isolation.mounts import MountFlag
from cfslib.observe import leak
from cfslib.observe.leak import DOWN, UP, Both
from tests.conftest import needs_namespaces

pytestmark = needs_namespaces


def targets(now: Both) -> tuple[set[str], set[str]]:
    host, container = ({m.target for m in one} for one in (now.host, now.container))
    return host - {leak.TOP}, container - {leak.TOP}


@pytest.mark.parametrize(
    ("propagation", "host", "container", "word"),
    [
        (MountFlag.SHARED, {UP, DOWN}, {UP, DOWN}, "shared"),
        (MountFlag.SLAVE, {DOWN}, {UP, DOWN}, "slave"),
        (MountFlag.PRIVATE, {DOWN}, {UP}, "private"),
    ],
)
def test_who_sees_which_mount_is_up_to_the_propagation(
    propagation: MountFlag, host: set[str], container: set[str], word: str
) -> None:
    told = leak.of_a_mount(propagation)

    assert targets(told[-1]) == (host, container)
    assert told[-1].host[0].propagation == "shared"
    assert told[-1].container[0].propagation == word


def test_there_is_one_table_until_there_is_a_container() -> None:
    first, second, *_ = leak.of_a_mount(MountFlag.SHARED)

    assert not first.container
    assert second.container[0].tags == second.host[0].tags  # of one peer group


def test_the_story_says_what_was_seen() -> None:
    said = [leak.of_a_mount(kind)[3].story for kind in leak.STORIES]

    assert said == [
        "It is in the host's table as well.",
        "It is not in the host's table.",
        "It is not in the host's table.",
    ]
