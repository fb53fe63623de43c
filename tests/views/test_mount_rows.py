import pytest

from cfslib.observe.stages import Stage
from cfslib.views import mount_rows
from tests.views.trees import mount

pytestmark = pytest.mark.alike

ROOT, PROC = mount(1, 0, "/", "ext4"), mount(2, 1, "/proc", "proc")
SHARED = ROOT.changed(tags=("shared:1",))
NEW = mount(3, 1, "/new")
STORY = [
    Stage("the host", "Here.", (SHARED, PROC)),
    Stage("clone", "A copy.", (SHARED, PROC)),
    Stage("make private", "Alone.", (ROOT, PROC)),
    Stage("layer", "More.", (ROOT, PROC, NEW)),
    Stage("detach", "Less.", (NEW.changed(parent=0, target="/"),)),
    Stage("mask", "A number again.", (NEW, mount(2, 3, "/proc/keys"))),
]


def changes(number: int) -> dict[str, str]:
    rows = mount_rows.rows(STORY[number - 1], STORY[number])
    return {row.mount.target: row.change for row in rows}


def test_parents_come_before_their_children() -> None:
    rows = mount_rows.rows(None, Stage("", "", (PROC, ROOT)))

    assert [(row.depth, row.mount.target) for row in rows] == [(0, "/"), (1, "/proc")]


def test_each_row_says_what_the_step_did_to_it() -> None:
    assert changes(2) == {"/": "was shared", "/proc": ""}
    assert changes(3) == {"/": "", "/proc": "", "/new": "new"}
    assert mount_rows.rows(STORY[3], STORY[4])[0].change == "was at /new"
    assert changes(4)["/proc"] == "gone"


def test_mounts_of_the_host_are_told_apart_until_they_are_gone() -> None:
    assert [mount_rows.from_the_host(STORY, n) for n in range(6)] == [
        {2}, {2}, {2}, {2}, {2}, set()
    ]  # fmt: skip
