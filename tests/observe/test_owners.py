"""The same owners, seen from both sides of a map."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.seccomp import bpf, calls, compiler, filter_calls
from cfslib.isolation.seccomp.data import Action
from cfslib.isolation.seccomp.rules import Profile, Rule
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons.users import be_ordinary
from cfslib.observe import owners
from cfslib.observe.owners import NOBODY, Scene, TwoMounts
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


HEAVY = {"json", "pathlib", "shutil", "subprocess", "tempfile"}


def test_a_look_imports_little_for_each_imports_it_anew() -> None:
    code = "import sys; from cfslib.observe import owners; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert "cfslib.observe.owners" in done.stdout.split()
    assert not HEAVY & {*done.stdout.split()}


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
    # Linux 6.3 is the first whose tmpfs takes a map.
    assert bool(found.recorded) == (release() < (6, 3))


def release() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split(".")[:2])


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.EPERM])
def test_where_no_mount_takes_a_map_it_is_a_recording(code: int) -> None:
    def looked() -> TwoMounts:
        refuse("mount_setattr", code)
        return owners.by_two_mounts()

    assert "mount_setattr" in in_child(looked).recorded


def test_another_refusal_is_an_error() -> None:
    def looked() -> TwoMounts:
        refuse("unshare", errno.ENOSPC)
        return owners.by_two_mounts()

    with pytest.raises(OSError, match="unshare") as caught:
        in_child(looked)
    assert caught.value.errno == errno.ENOSPC


def refuse(call: str, code: int) -> None:
    """Have the kernel refuse a call from here on, as an older one would."""
    syscalls.prctl(Prctl.SET_NO_NEW_PRIVS, 1)
    rules = [Rule([call], Action.ERRNO | code)]
    profile = Profile(Action.ALLOW, rules, calls.SETS[os.uname().machine])
    filter_calls(bpf.pack(compiler.compiled(profile)))
