"""The same owners, seen from both sides of a map."""

import os
import tempfile
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps
from cfslib.isolation.idmaps import IdMap
from cfslib.lessons.users import be_ordinary
from cfslib.observe import owners
from cfslib.observe.owners import NOBODY, Scene
from tests.conftest import needs_root, needs_user_namespaces
from tests.isolation.test_idmaps import (
    RANGE,
    as_somebody,
    etc_files,
    needs_newuidmap,
)

pytestmark = needs_user_namespaces


def ordinary(kind: str, user: int) -> tuple[Scene, int]:
    def looked() -> tuple[Scene, int]:
        be_ordinary()
        tempfile.tempdir = "/tmp"  # ours may be root's alone
        return owners.look(kind, user), os.geteuid()

    return in_child(looked)


def test_without_a_map_everybody_is_nobody_inside() -> None:
    scene, uid = ordinary("none", 0)

    assert {one.inside for one in scene.seen} == {NOBODY}
    assert [one.outside for one in scene.seen] == [uid, uid, uid, 0]
    assert scene.said == "setuid(0): Invalid argument"


def test_root_inside_is_us_and_the_hosts_root_is_nobody() -> None:
    scene, uid = ordinary("root is you", 0)

    assert [one.inside for one in scene.seen] == [0, 0, 0, NOBODY]
    assert [one.outside for one in scene.seen] == [uid, uid, uid, 0]


def test_who_has_no_place_cannot_be_become() -> None:
    scene, uid = ordinary("you are you", 0)

    assert scene.said == "setuid(0): Invalid argument"
    assert [one.inside for one in scene.seen] == [uid, uid, uid, NOBODY]


@needs_root
def test_with_ten_users_each_is_another_one_outside() -> None:
    scene = owners.look("ten users", 5)

    assert not scene.recorded
    assert [one.outside for one in scene.seen][:3] == [100_004, 100_004, 0]
    assert [one.inside for one in scene.seen][:3] == [5, 5, 0]


def test_it_needs_no_way_to_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert owners.look("ten users", 9).said == "setuid(9) = 0"


@needs_root
@pytest.mark.parametrize("user", [0, 1, 5, 1000])
def test_what_was_recorded_is_what_a_machine_shows(user: int) -> None:
    """But for the user, who is 1000 there."""
    maps = [IdMap(0, os.geteuid()), IdMap(1, 100_000, owners.FEW)]
    seen = in_child(lambda: owners._from_both_sides(maps, user))
    recorded = owners.another_machines(user)

    assert recorded.said == seen.said
    pairs = [(one.inside, one.outside or 1000) for one in seen.seen[:3]]
    assert [(one.inside, one.outside) for one in recorded.seen[:3]] == pairs
    assert [one.name for one in recorded.seen] == [one.name for one in seen.seen]


@needs_newuidmap
@needs_root
def test_a_line_in_subuid_makes_it_real(tmp_path: Path) -> None:
    def looked() -> Scene:
        tempfile.tempdir = "/tmp"
        return owners.look("ten users", 5)

    scene = as_somebody(looked, tmp_path / "etc", **etc_files())

    assert not scene.recorded
    assert scene.seen[0].outside == RANGE.outside + 4
    assert [one.inside for one in scene.seen] == [5, 5, 0, NOBODY]


def test_without_newuidmap_it_is_a_recording_that_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(idmaps, "in_initial_namespace", lambda: False)

    scene = owners.look("ten users", 5)
    assert "only one uid" in scene.recorded
    assert "newuidmap" in scene.recorded
    assert scene.seen[0].outside == 100_004


def test_a_mount_with_a_map_shows_another_owner() -> None:
    found = owners.by_two_mounts()

    assert (found.plain, found.mapped) == (0, NOBODY)
