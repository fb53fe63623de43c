"""The five sets, through fork, exec and setuid."""

import errno
import json
import os
import shutil
import struct
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities, idmaps, mounts, seccomp
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import libc, procfs, syscalls
from cfslib.observe import file_fates, passing_on, rights
from cfslib.observe.passing_on import STORIES
from cfslib.observe.rights import ONE_USER
from tests.conftest import needs_root, needs_user_namespaces
from tests.isolation.test_idmaps import (
    SOMEBODY,
    as_somebody,
    etc_files,
    needs_newuidmap,
)

pytestmark = needs_user_namespaces
CHOWN, KILL = Capability.CHOWN, Capability.KILL


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


def test_where_no_overlay_can_be_mounted_there_is_a_recording(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    with_options = {"index": 4, "value": 0, "op": "SCMP_CMP_NE"}  # of our mounts, one
    rule = {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "args": [with_options]}
    profile.write_text(
        json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})
    )
    program, flags = seccomp.filter_from(str(profile), ())

    def fates() -> file_fates.Fates:
        idmaps.unshare_as_root(Namespace(0))  # root may set a filter, and still gain
        seccomp.filter_calls(program, flags)
        return file_fates.of_files()

    why = file_fates.NO_OVERLAY if rights.can_gain() else rights.NO_GAIN
    assert in_child(fates) == file_fates.Fates(file_fates.RECORDED, why)


@pytest.mark.parametrize("options", ["", ",userxattr"])
def test_a_file_copied_up_keeps_its_right_until_it_is_written(options: str) -> None:
    def kept() -> list[bool]:
        program = rights.program_with(CHOWN)
        for name in ("upper", "work", "merged"):
            os.mkdir(f"/mnt/{name}")
        layers = f"lowerdir=/mnt,upperdir=/mnt/upper,workdir=/mnt/work{options}"
        syscalls.mount("overlay", "/mnt/merged", "overlay", options=layers)
        os.chmod("/mnt/merged/cat", 0o700)
        seen = [has_right("/mnt/upper/cat"), has_right("/mnt/merged/cat")]
        with open("/mnt/merged/cat", "ab") as file:
            file.write(b"\0")
        return [*seen, has_right("/mnt/merged/cat"), has_right(program)]

    assert in_child(kept) == [True, True, False, True]


def has_right(path: str) -> bool:
    return "security.capability" in os.listxattr(path)


@needs_root
def test_the_right_of_another_root_is_none_and_stops_an_exec_in_an_overlay() -> None:
    def start() -> str:
        syscalls.unshare(Namespace.MNT)
        mounts.keep_private()
        syscalls.mount("files", "/mnt", "tmpfs")
        for name in ("lower", "empty", "merged"):
            os.mkdir(f"/mnt/{name}")
        shutil.copy(shutil.which("cat") or "", "/mnt/lower/cat")
        of_root_7000 = struct.pack("<6I", 0x0300_0001, 1 << CHOWN, 0, 0, 0, 7000)
        os.setxattr("/mnt/lower/cat", "security.capability", of_root_7000)
        idmaps.unshare_as_root(Namespace.MNT)
        layers = "lowerdir=/mnt/lower:/mnt/empty"
        syscalls.mount("overlay", "/mnt/merged", "overlay", options=layers)
        rights.be_user()
        syscalls.capset(0, 0, 0)
        assert rights.of_program("/mnt/lower/cat").effective == 0
        return rights.words(rights.of_program("/mnt/merged/cat").effective)

    with pytest.raises(OSError, match=os.strerror(errno.EOVERFLOW)):
        in_child(start)


def test_what_root_leaves_inheritable_comes_back_from_out_of_bounds() -> None:
    def has_kill() -> tuple[int, int]:
        idmaps.unshare_as_root(Namespace(0))
        own = rights.look()
        syscalls.capset(own.effective, own.permitted, 1 << KILL)
        capabilities.bound(())
        syscalls.capset(0, 0, 1 << KILL)
        program = rights.of_program()
        return program.effective, program.bounding

    assert in_child(has_kill) == (1 << KILL, 0)


def test_a_new_user_namespace_begins_with_all() -> None:
    def bounds() -> list[str]:
        idmaps.unshare_as_root(Namespace(0))
        capabilities.keep_only(())
        before = rights.words(rights.look().bounding)
        syscalls.unshare(Namespace.USER)
        return [before, rights.words(rights.look().bounding)]

    assert in_child(bounds) == ["none", "all"]


def test_with_no_new_privs_a_file_gives_what_is_permitted_already() -> None:
    def given() -> list[int]:
        program = rights.program_with(CHOWN)
        rights.be_user()
        syscalls.capset(0, 1 << CHOWN, 0)
        capabilities.gain_no_more()
        return [rights.of_program(each).effective for each in (program, "cat")]

    assert in_child(given) == [1 << CHOWN, 0]


# Who prepares it


def test_nobody_is_left_where_no_namespace_can_be_made() -> None:
    def left() -> str:
        idmaps.unshare_as_root(Namespace(0))
        syscalls.write("/proc/sys/user/max_user_namespaces", "0")
        with pytest.raises(OSError, match="unshare"):
            rights.be_root_of_two()
        return procfs.read(f"/proc/self/task/{os.getpid()}/children")

    assert in_child(left) == ""


@needs_newuidmap
@needs_root
def test_a_second_user_takes_no_more_than_one_id(tmp_path: Path) -> None:
    def mapped() -> list[IdMap]:
        rights.be_root_of_two()
        return idmaps.read_maps()

    one = dict.fromkeys(("subuid", "subgid"), "somebody:200000:1\n")
    maps = as_somebody(mapped, tmp_path / "etc", **etc_files() | one)

    assert maps == [IdMap(0, SOMEBODY), IdMap(rights.USER, 200000)]


def test_sets_are_read_in_words() -> None:
    own = rights.look()

    assert own.effective == libc.capget()[0]
    assert str(own).splitlines()[3].split()[0] == "bounding"
    assert rights.words((1 << capabilities.last_known() + 1) - 1) == "all"
    assert rights.words(0) == "none"
