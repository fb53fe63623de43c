"""Groups of makers who are gone are removed by the next one, and no others."""

import functools
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.cgroups import hierarchies, makers
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from tests.conftest import (
    SLOWNESS,
    in_own_mounts,
    needs_namespaces,
    needs_root,
    wait_until,
)

CFS = Path(sys.executable).with_name("cfs")
NOBODY = 4_194_303  # a pid that is hardly ever given


def renamed(name: str, **parts: str) -> str:
    """Return a name as another maker would have made it."""
    keys = ["prefix", "pid", "start", "pids", "chance"]
    return "-".join((dict(zip(keys, name.split("-"), strict=True)) | parts).values())


def left_of(place: Path, *names: str) -> list[bool]:
    """Make groups of these names, clear up, say which are still there."""
    for name in names:
        (place / name / "inner/below").mkdir(parents=True)
    makers.clear_up([str(place)])
    return [(place / name).exists() for name in names]


def test_a_name_tells_its_maker() -> None:
    def named() -> tuple[int, str]:
        return os.getpid(), makers.name()

    pid, name = in_child(named)
    assert name.startswith(f"cfs-{pid}-")
    assert makers.name() != makers.name()


def test_what_a_living_maker_has_made_stays(tmp_path: Path) -> None:
    assert left_of(tmp_path, makers.name()) == [True]


def test_what_is_left_of_one_who_is_gone_goes(tmp_path: Path) -> None:
    assert left_of(tmp_path, in_child(makers.name)) == [False]


def test_a_pid_that_is_used_again_is_not_taken_for_its_maker(tmp_path: Path) -> None:
    assert left_of(tmp_path, renamed(makers.name(), start="1")) == [False]


def test_pids_of_another_namespace_tell_us_nothing(tmp_path: Path) -> None:
    elsewhere = renamed(makers.name(), pid=str(NOBODY), pids="4026530000")

    assert left_of(tmp_path, elsewhere) == [True]


def test_other_groups_stay(tmp_path: Path) -> None:
    assert all(left_of(tmp_path, "user.slice", "cfs-test", "cfs-1-2", "cfs-a-b-c-d-e"))


@needs_namespaces
def test_with_the_proc_of_other_processes_nothing_is_judged(tmp_path: Path) -> None:
    name = renamed(makers.name(), pid=str(NOBODY))

    def with_their_proc() -> list[bool]:
        ours = makers.name().split("-")[3]
        return left_of(tmp_path, renamed(name, pids=ours))

    assert in_own_mounts(with_their_proc, Namespace.PID) == [True]


@pytest.mark.alone("whoever starts a container clears empty groups up")
@needs_root
def test_a_group_with_a_process_stays() -> None:
    try:
        home = hierarchies.home_of("pids")
    except hierarchies.CannotLimit as why:
        pytest.skip(str(why))
    group = Path(home.ours, in_child(makers.name))
    group.mkdir()
    process = subprocess.Popen(["sleep", "60"])
    try:
        (group / "cgroup.procs").write_text(str(process.pid))
        makers.clear_up([home.ours])
        stays = group.exists()
    finally:
        process.kill()
        process.wait()
    makers.clear_up([home.ours])

    assert stays
    assert wait_until(lambda: not group.exists())


# By whom they are left.


def groups() -> set[str]:
    """Return the groups of containers that there are."""
    return {
        f"{parent}/{name}"
        for home in hierarchies.homes()
        for parent, names, _ in os.walk(home.top)  # they come and go meanwhile
        for name in names
        if re.fullmatch(r"cfs(-[0-9]+){3}-[0-9a-f]+", name)
    }


def of(pid: int) -> set[str]:
    return {group for group in groups() if f"/cfs-{pid}-" in group}


def is_made(pid: int) -> bool:
    return bool(of(pid))


def kill_group(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def kill_both(process: subprocess.Popen[bytes]) -> None:
    """Kill cfs, and its janitor if there is one by now, neither before the other."""
    os.kill(process.pid, signal.SIGSTOP)
    task = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for child in map(int, task.read_text().split()):
        # The kernel names it after us until it has named itself.
        if procfs.pids_on_each_level(child) == [child]:
            os.kill(child, signal.SIGKILL)
    process.kill()


@needs_root
def test_a_kill_of_all_in_its_process_group_leaves_nothing() -> None:
    chance, pids = random.Random("group"), []
    for _ in range(20):
        process = subprocess.Popen([CFS, "run", "sleep", "60"], process_group=0)
        time.sleep(chance.uniform(0.01, 0.05) * SLOWNESS)
        kill_group(process)
        process.wait()
        pids.append(process.pid)

    assert wait_until(lambda: not any(map(of, pids)))


@needs_root
def test_the_next_one_clears_up_after_cfs_and_its_janitor_were_killed() -> None:
    subprocess.run([CFS, "run", "true"], check=True)  # the first may take longer
    chance = random.Random("both")
    left = set()
    for number in range(20):
        process = subprocess.Popen([CFS, "run", "sleep", "60"])
        if number % 2:
            time.sleep(chance.uniform(0.01, 0.05) * SLOWNESS)
        else:
            wait_until(functools.partial(is_made, process.pid))
        kill_both(process)
        process.wait()
        left |= of(process.pid)

    def is_clean() -> bool:
        subprocess.run([CFS, "run", "true"], check=True)
        return not left & groups()

    assert left, "nothing was left, so this shows nothing"
    assert wait_until(is_clean)


@needs_root
def test_many_at_once_clear_up_and_do_not_harm_each_other() -> None:
    stop = time.monotonic() + 2
    while time.monotonic() < stop:
        many = [
            subprocess.Popen([CFS, "run", "true"], stderr=subprocess.PIPE)
            for _ in range(8)
        ]
        killed = subprocess.Popen([CFS, "run", "sleep", "60"])
        time.sleep(0.03 * SLOWNESS)
        kill_both(killed)
        killed.wait()
        said = [(one.communicate()[1], one.returncode) for one in many]
        assert said == [(b"", 0)] * len(many)
    subprocess.run([CFS, "run", "true"], check=True)
