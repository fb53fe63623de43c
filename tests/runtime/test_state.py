"""What is written down about containers: where, by whom, and what is true of it."""

import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cfslib.children.in_child import in_child
from cfslib.kernel import syscalls
from cfslib.runtime import ending, names, places, processes, register, state
from cfslib.runtime.processes import Process
from cfslib.runtime.spec import Spec
from cfslib.runtime.state import State
from tests.conftest import ROOT, in_own_mounts, needs_namespaces, needs_root

SPEC = Spec(["true"])


def facts(name: str | None = None) -> dict[str, Any]:
    spec = SPEC.as_plain()
    return {"name": name, "created": time.time(), "remove": False, "spec": spec}


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"{tmp_path}/cfs"


def made(place: str, name: str | None = None) -> State:
    return register.create(place, facts(name), processes.ours())


def gone() -> Process:
    """Return a process that has ended."""
    pid, start = in_child(lambda: (os.getpid(), processes.ours().start))
    return Process(pid, start)


# Where:


def directory(**environ: str) -> str:
    return places.directory({k.encode(): v.encode() for k, v in environ.items()})


def test_the_place_is_in_the_runtime_directory(tmp_path: Path) -> None:
    assert directory(XDG_RUNTIME_DIR=str(tmp_path)) == f"{tmp_path}/cfs"


@pytest.mark.parametrize("named", ["", "relative", "/no/such/place", "/proc/sys"])
def test_without_one_of_ours_there_is_another_place(named: str, tmp_path: Path) -> None:
    if not ROOT and os.path.isdir(f"/run/user/{os.geteuid()}"):
        pytest.skip("this user has a runtime directory in any case")
    found = directory(XDG_RUNTIME_DIR=named, TMPDIR=str(tmp_path))
    expected = "/run/cfs" if ROOT else f"{tmp_path}/cfs-{os.geteuid()}"
    if ROOT and named == "/proc/sys":  # which is root's
        expected = "/proc/sys/cfs"

    assert found == expected


@needs_root
def test_what_root_has_by_the_login_is_not_used() -> None:
    assert directory(XDG_RUNTIME_DIR="/run/user/0") == "/run/cfs"


def test_a_place_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)

    with pytest.raises(PermissionError, match="others may write to") as error:
        directory(XDG_RUNTIME_DIR=str(tmp_path))
    assert "XDG_RUNTIME_DIR" in error.value.__notes__[0]


def test_a_place_that_somebody_made_for_us_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cfs").mkdir()
    (tmp_path / "cfs").chmod(0o777)

    with pytest.raises(PermissionError, match="others may write to"):
        directory(XDG_RUNTIME_DIR=str(tmp_path))


def test_all_that_is_written_is_for_us_alone(place: str) -> None:
    before = os.umask(0)
    try:
        one = made(place)
    finally:
        os.umask(before)
    modes = {
        stat.S_IMODE(path.stat().st_mode) & 0o077
        for path in (Path(place), Path(one.path), *Path(one.path).iterdir())
    }

    assert modes == {0}


# Names:


def test_a_container_is_found_by_name_by_id_and_by_its_beginning(place: str) -> None:
    one = made(place, "web")

    assert names.is_id(one.id)
    for word in ("web", one.id, one.id[:12], one.id[:1]):
        assert register.find(place, word).id == one.id


def test_without_a_name_it_gets_one(place: str) -> None:
    one = made(place)

    assert names.is_one(one.name)
    assert register.find(place, one.name).id == one.id


def test_a_name_is_given_once(place: str) -> None:
    made(place, "web")

    with pytest.raises(FileExistsError, match="the name web is taken"):
        made(place, "web")
    assert len(register.every(place)) == 1


def test_two_at_once_do_not_get_the_same_name(place: str) -> None:
    def try_it() -> bool:
        try:
            made(place, "web")
        except FileExistsError:
            return False
        return True

    pids = []
    for _ in range(20):
        if (pid := os.fork()) == 0:
            os._exit(0 if try_it() else 1)
        pids.append(pid)
    codes = sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)

    assert codes == [0] + [1] * 19


def test_two_words_by_chance_that_are_taken_are_not_given_again(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "two_words", lambda: "amber-anvil")
    first, second = made(place), made(place)

    assert first.name == "amber-anvil"
    assert second.name.startswith("amber-anvil-")


def test_a_name_is_free_when_its_container_is_forgotten(place: str) -> None:
    register.remove(made(place, "web"))
    made(place, "web")

    assert len(register.every(place)) == 1


def test_what_begins_several_ids_is_none(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = iter(["a" * 63 + "b", "a" * 63 + "c"])
    monkeypatch.setattr(names, "new_id", lambda: next(ids))
    made(place), made(place)

    with pytest.raises(LookupError, match="ids of 2 containers begin with aaa"):
        register.find(place, "aaa")


@pytest.mark.parametrize("word", ["", "nobody", "..", ".lock", "/etc"])
def test_what_is_no_container_is_said(place: str, word: str) -> None:
    made(place, "web")

    with pytest.raises(LookupError, match="no such container"):
        register.find(place, word)


def test_where_there_is_nothing_nothing_is_found(place: str) -> None:
    assert register.every(place) == []
    with pytest.raises(LookupError, match="no such container"):
        register.find(place, "web")
    assert not os.path.exists(place)  # who only looks makes nothing


def test_the_newest_is_the_first(place: str) -> None:
    ids = [made(place).id for _ in range(5)]

    assert [one.id for one in register.every(place)] == ids[::-1]


# Half made, half removed:


CHANGES = ("os.mkdir", "os.symlink", "os.rename", "os.remove", "os.rmdir", "open")


@pytest.mark.parametrize("after", range(12))
def test_a_maker_that_is_killed_leaves_a_container_or_nothing(
    place: str, after: int
) -> None:
    """Kill it between any two calls that change files; then others go on."""

    def die() -> None:
        left = after

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if event in CHANGES and place in str(arguments):
                left -= 1
                if left < 0:
                    os._exit(0)

        sys.addaudithook(count)
        register.remove(made(place, "web"))
        os._exit(0)

    if (pid := os.fork()) == 0:
        die()
    os.waitpid(pid, 0)
    found = register.every(place)
    for one in found:
        assert one.status() == state.ENDED
        assert register.find(place, "web").id == one.id
        register.remove(one)
    register.remove(made(place, "web"))

    assert os.listdir(place) == [register.LOCK]


# What is true of it:


def test_what_is_being_made_is_created_and_then_runs(place: str) -> None:
    one, me = made(place), processes.ours()
    before = one.status()
    one.note_run(me, me, ["/a/group"])

    assert (before, one.status()) == (state.CREATED, state.RUNNING)
    assert (one.pid1(), one.maker(), one.groups()) == (me, me, ["/a/group"])
    assert one.spec() == SPEC


def test_how_it_ended_stays(place: str) -> None:
    one, me = made(place), processes.ours()
    one.note_run(me, me, [])
    one.note_end(7)
    code, when, why = one.end()

    assert one.status() == state.ENDED
    assert (code, why) == (7, "")
    assert when
    assert abs(time.time() - when) < 60


def test_one_whose_maker_was_killed_has_ended(place: str) -> None:
    one = made(place)
    one.note_run(gone(), gone(), [])

    assert one.status() == state.ENDED
    assert one.end()[0] == state.KILLED


def test_one_whose_maker_takes_it_down_is_ending(place: str) -> None:
    one = made(place)
    one.note_run(processes.ours(), gone(), [])

    assert one.status() == state.ENDING


def test_a_pid_that_is_anothers_by_now_is_not_taken_for_it(place: str) -> None:
    me = processes.ours()
    other = Process(me.pid, str(int(me.start) - 1))
    one = made(place)
    one.note_run(other, other, [])

    assert one.status() == state.ENDED
    with pytest.raises(ProcessLookupError):
        other.send(0)
    assert other.wait(0)


def test_after_a_reboot_none_runs_whoever_has_its_pid(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, me = made(place), processes.ours()
    one.note_run(me, me, [])
    assert one.status() == state.RUNNING
    monkeypatch.setattr(places, "boot", lambda: "another one")

    assert one.status() == state.ENDED


def test_a_zombie_has_ended() -> None:
    if (pid := os.fork()) == 0:
        time.sleep(60)
    child = processes.known(pid)
    before = child.is_alive()
    child.send(9)
    has_ended = child.wait(10)
    after = child.is_alive()
    os.waitpid(pid, 0)

    assert (before, has_ended, after) == (True, True, False)


def test_whatever_a_file_says_that_others_wrote_is_not_read(place: str) -> None:
    one = made(place)
    os.chmod(f"{one.path}/run", 0o666)

    with pytest.raises(FileNotFoundError, match="is gone"):
        one.status()


DAMAGED = {"empty": b"", "zeros": bytes(100), "cut short": b"{'boot': 'a", "else": b"7"}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("file", ["spec", "run", "end"])
def test_what_is_damaged_is_in_nobodys_way_and_can_be_removed(
    place: str, file: str, kind: str
) -> None:
    good, bad = made(place, "good"), made(place, "bad")
    bad.note_run(gone(), gone(), [])
    bad.note_end(7)
    Path(f"{bad.path}/{file}").write_bytes(DAMAGED[kind])

    assert good.id in [one.id for one in register.every(place)]
    if file == "end":
        assert bad.end()[0] == state.KILLED
    ending.clear_away(register.find(place, "bad"))
    register.remove(good)
    assert os.listdir(place) == [register.LOCK]


def test_a_place_that_somebody_made_since_we_looked_is_not_used(tmp_path: Path) -> None:
    place = f"{tmp_path}/cfs"
    os.mkdir(place)
    os.chmod(place, 0o777)

    with pytest.raises(PermissionError, match="others may write to"):
        made(place)
    assert os.listdir(place) == []


@pytest.mark.parametrize("seconds", [999_999_999, 1e12, float("inf")])
def test_one_can_wait_longer_than_the_kernel_counts(seconds: float) -> None:
    if (pid := os.fork()) == 0:
        time.sleep(0.2)
        os._exit(0)
    has_ended = processes.known(pid).wait(seconds)
    os.waitpid(pid, 0)

    assert has_ended


def test_what_was_started_anew_meanwhile_is_not_forgotten(place: str) -> None:
    one, me = made(place, "web"), processes.ours()
    one.note_run(me, me, [])

    with pytest.raises(FileExistsError, match="web was started anew meanwhile"):
        ending.clear_away(one)
    assert register.find(place, "web").status() == state.RUNNING


@needs_namespaces
@pytest.mark.parametrize("room", range(0, 28672, 4096))
def test_on_a_full_disk_there_is_a_container_or_an_error(
    room: int, tmp_path: Path
) -> None:
    def try_it() -> tuple[str, list[str]]:
        syscalls.mount("none", tmp_path, "tmpfs", options="size=64k")
        (tmp_path / "filler").write_bytes(bytes(65536 - room))
        place = f"{tmp_path}/cfs"
        try:
            one = made(place, "web")
            one.note_run(processes.ours(), processes.ours(), [])
        except OSError as error:
            for found in register.every(place):
                register.remove(found)
            return str(error.strerror), os.listdir(place)
        with (tmp_path / "more").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        one.note_end(7)  # for which there was room all the time
        return str(one.end()[0]), []

    said, left = in_own_mounts(try_it)

    assert said in ("No space left on device", "7")
    assert set(left) <= {register.LOCK}
