"""What an overlay shows, and which layer that is from; the kernel is the judge."""

from pathlib import Path

import pytest

from cfslib.observe import layered
from cfslib.observe.layered import (
    CHANGES,
    FILE,
    OPAQUE,
    PATHS,
    UPPER,
    WHITEOUT,
    Change,
    Moment,
)
from tests.conftest import needs_user_namespaces

pytestmark = needs_user_namespaces
NO_ATTRIBUTES = "files in memory have no attributes of users: they do from Linux 6.6 on"


def agrees(moment: Moment) -> bool:
    """Say if what we name as the origin is what the kernel shows."""
    for path in PATHS:
        found = layered.origin(moment.layers, path)
        seen = moment.merged.get(path)
        if found.is_seen != (seen is not None):
            return False
        if seen and moment.layers[found.layer][path].text != seen.text:
            return False
    return True


def last(*changes: Change) -> Moment:
    return layered.played(changes)[-1]


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_seen_is_from_where_we_say(what: str) -> None:
    for path in PATHS:
        changes = [Change(what, path), *(Change(then, "etc/more") for then in CHANGES)]
        assert all(map(agrees, layered.played(changes))), changes


def test_a_story_is_played_from_its_start_each_time() -> None:
    changes = [Change("delete", "note"), Change("write to", "new")]

    moments = layered.played(changes)

    assert len(moments) == 3
    assert moments[0] == layered.played([])[0]
    assert not moments[0].layers[UPPER]


def test_the_first_write_copies_a_file_up_whole() -> None:
    moment = last(Change("write to", "log"))

    assert moment.layers[UPPER]["log"].size == 4003
    assert moment.layers["one"]["log"].size == 4000


def test_a_new_mode_copies_a_file_up_too() -> None:
    found = last(Change("chmod 600", "log")).layers[UPPER]["log"]

    assert (found.kind, found.mode, found.size) == (FILE, 0o600, 4000)


def test_what_is_deleted_is_a_whiteout_and_in_an_archive_a_name() -> None:
    moment = last(Change("delete", "note"))

    assert moment.layers[UPPER]["note"].kind == WHITEOUT
    assert moment.archive == ("./", ".wh.note")
    assert layered.origin(moment.layers, "note").by == WHITEOUT


def test_a_file_that_is_new_leaves_no_whiteout() -> None:
    changes = [Change("write to", "new"), Change("delete", "new")]

    assert not last(*changes).layers[UPPER]


def test_a_directory_that_is_deleted_hides_what_was_in_it() -> None:
    moment = last(Change("delete the directory of", "etc/name"))
    if moment.refused:
        pytest.skip(NO_ATTRIBUTES)

    found = layered.origin(moment.layers, "etc/more")
    assert (found.layer, found.at, found.is_seen) == (UPPER, "etc", False)


def test_one_that_is_made_anew_is_opaque() -> None:
    moment = last(Change("delete and make anew", "etc/name"))
    if moment.refused:
        pytest.skip(NO_ATTRIBUTES)

    assert moment.layers[UPPER]["etc"].kind == OPAQUE
    assert list(moment.merged) == ["etc", "etc/name", "log", "note"]
    assert ".wh..wh..opq" in moment.archive[2]


def test_what_cannot_be_done_is_said() -> None:
    moments = layered.played([Change("delete", "secret")])

    assert moments[1].refused == "delete secret: No such file or directory"
    assert moments[1].layers == moments[0].layers


def test_nothing_of_it_is_left() -> None:
    before = Path("/proc/self/mountinfo").read_text()
    layered.played([Change("write to", "note")])

    assert Path("/proc/self/mountinfo").read_text() == before
    assert not Path("/mnt/merged").exists()
