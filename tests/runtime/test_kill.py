"""Whenever and however cfs is killed, nothing of the container is left.

A fixture of conftest.py looks once more, after all tests.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import pytest

from cfslib.images import cache
from cfslib.kernel import procfs
from tests.conftest import ROOT, is_alive, needs_namespaces, wait_until

CFS = [sys.executable, "-m", "cfslib.cli.entry"]
SECONDS = 20  # for all the random kills together, unless the machine is slow
FEWEST = 20
ROUNDS = 300
MARK = "CFS_TEST_OF_KILLS"  # in the environment of all that we start, cfs included
STARTED: set[int] = set()

pytestmark = needs_namespaces


def start(*words: str, **how: Any) -> "Popen[bytes]":
    """Start a container, and let us find what comes of it."""
    mark = str(os.getpid())
    command = [*CFS, "run", "-e", f"{MARK}={mark}", *words]
    process = Popen(command, env={**os.environ, MARK: mark}, **how)
    STARTED.add(process.pid)
    return process


def left() -> list[str]:
    """Name what there is of containers: processes of ours, groups, mounts, files."""
    return [*_processes(), *_groups(), *_mounts(), *_files()]


def _processes() -> Generator[str]:
    mark = f"{MARK}={os.getpid()}\0".encode()
    parents = {*STARTED, *_ancestors()}  # the containers of others have other makers
    for process in Path(procfs.PROC).glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            status = procfs.status(process.name)
            name = status["Name"]
            if status["Uid"].split()[0] != str(os.geteuid()) or "Z" in status["State"]:
                continue
            # PID 1 hides its environment, and is known by its name.
            is_init = name in ("cfs", "cfs-ahead") and int(status["PPid"]) in parents
            if is_init or mark in (process / "environ").read_bytes():
                yield f"process {process.name} ({name})"


def _ancestors() -> Generator[int]:
    """Yield our pid, and those of whom we come from: one of them takes orphans in."""
    pid = os.getpid()
    while pid:
        yield pid
        pid = int(procfs.status(pid)["PPid"])


def _groups() -> Generator[str]:
    for mount in procfs.mounts():
        if mount.fstype in ("cgroup", "cgroup2"):
            # Not glob: groups of others may go while we look, and walk() minds not.
            for directory, names, _ in os.walk(mount.target):
                for name in names:
                    maker = name.removeprefix("cfs-").partition("-")[0]
                    if name.startswith("cfs-") and maker in map(str, STARTED):
                        yield os.path.join(directory, name)


def _mounts() -> Generator[str]:
    yield from (f"mount {mount.id} at {mount.target}" for mount in procfs.mounts())


def _files() -> Generator[str]:
    # The session's own, where nothing but the cache has a right to be.
    for directory in (os.environ["TMPDIR"], cache.directory()):
        yield from (os.path.join(directory, name) for name in os.listdir(directory))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Generator[None]:
    subprocess.run([*CFS, "run", "true"], check=True)  # the cache is not what we count
    before = set(left())
    yield
    wait_until(lambda: set(left()) <= before)

    assert sorted(set(left()) - before) == []


PROGRAMS = {
    "nothing": ["true"],
    "a family": ["sh", "-c", "sleep 60 & sleep 60 & (sleep 60 & sleep 60); wait"],
    "deaf": ["sh", "-c", "trap '' TERM INT; sleep 60 & while :; do sleep 60; done"],
    "daemons": ["setsid", "sh", "-c", "setsid sleep 60 & setsid sleep 60 & sleep 60"],
}


# Each limit is one more group where cgroups are v1; a volume is one more mount.
OPTIONS = [[], ["-v", "/tmp:/mnt"], ["--memory", "64m", "--cpus", "1"] if ROOT else []]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_at_any_moment_cfs_leaves_nothing(number: signal.Signals) -> None:
    chance = random.Random(f"cfs {number}")
    typical = _time_of_a_container()
    end = time.monotonic() + SECONDS / 3
    done = 0
    while done < FEWEST or (done < ROUNDS / 3 and time.monotonic() < end):
        _start_and_kill(number, chance, typical)
        done += 1


def _time_of_a_container() -> float:
    started = time.monotonic()
    subprocess.run([*CFS, "run", "true"], check=True)
    return time.monotonic() - started


def _start_and_kill(
    number: signal.Signals, chance: random.Random, typical: float
) -> None:
    options = chance.choice(OPTIONS)
    program = chance.choice(list(PROGRAMS.values()))
    process = start(*options, *program, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    # Often when the container is being made, for Python itself takes longer to start.
    time.sleep(chance.triangular(0, 1.3 * typical, 0.9 * typical))
    process.send_signal(number)
    try:
        process.wait(2 * typical)
    except subprocess.TimeoutExpired:
        process.kill()  # a command may be deaf to all but this
        process.wait()


def test_killed_beside_others_cfs_takes_only_its_own_along() -> None:
    survivor = start("sh", "-c", "echo up; cat", stdin=PIPE, stdout=PIPE)
    assert survivor.stdout
    survivor.stdout.readline()
    others = [start("sleep", "60") for _ in range(5)]
    for number, other in enumerate(others):
        time.sleep(number / 50)
        other.kill()
        other.wait()

    assert survivor.communicate(b"still here\n")[0] == b"still here\n"
    assert survivor.wait() == 0


def _up(*more: str) -> tuple[Popen[bytes], list[int]]:
    """Start a container; when it is up, return it and the children of cfs."""
    program = ["sh", "-c", "echo up; sleep 60; echo never"]
    process = start(*more, *program, stdout=PIPE, stderr=PIPE)
    assert process.stdout
    process.stdout.readline()
    # Signals wait in cfs until it has heard from PID 1 that the command is running.
    assert wait_until(lambda: not int(procfs.status(process.pid)["SigBlk"], 16))
    return process, _children(process.pid)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def _named(pids: list[int], name: str) -> int | None:
    return next((pid for pid in pids if procfs.status(pid)["Name"] == name), None)


def test_pid_1_killed_from_outside_ends_all_with_137() -> None:
    process, children = _up()
    main = _named(children, "cfs")
    assert main
    inside = _children(main)
    os.kill(main, signal.SIGKILL)

    out, err = process.communicate()
    assert (process.returncode, out, err) == (137, b"", b"")
    assert not any(map(is_alive, [main, *inside]))


def test_the_command_killed_from_outside_is_137() -> None:
    process, children = _up()
    main = _named(children, "cfs")
    assert main
    os.kill(_children(main)[0], signal.SIGKILL)
    process.communicate()

    assert process.returncode == 137


def test_without_its_janitor_cfs_cleans_up_itself() -> None:
    process, children = _up()
    janitor = _named(children, "cfs-janitor")
    if janitor is None:
        process.kill()
        process.communicate()
        pytest.skip("no cgroup of ours, so no janitor")
    os.kill(janitor, signal.SIGKILL)
    process.terminate()
    process.communicate()

    assert process.returncode == 143


def test_the_janitor_heeds_no_signal_but_sigkill() -> None:
    process, children = _up()
    janitor = _named(children, "cfs-janitor")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        if janitor:
            os.kill(janitor, number)
    process.kill()
    process.communicate()

    assert process.returncode == -signal.SIGKILL


def test_ctrl_c_for_the_whole_group_ends_the_command_and_not_the_janitor() -> None:
    program = "echo up; exec sleep 60"
    process = start("sh", "-c", program, stdout=PIPE, process_group=0)
    assert process.stdout
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate()

    assert process.returncode == 130


def test_killed_while_the_cache_is_built_the_next_one_builds_it(tmp_path: Path) -> None:
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    chance = random.Random("cfs cache")
    for _ in range(10):
        with Popen([*CFS, "run", "true"], env=env) as process:
            time.sleep(chance.uniform(0.03, 0.4))
            process.kill()
    done = subprocess.run([*CFS, "run", "hostname"], env=env, capture_output=True)

    assert (done.stdout, done.stderr) == (b"cfs-container\n", b"")
    assert len(list((tmp_path / "cfs").glob("rootfs-*"))) == 1


def test_an_orphan_does_not_outlive_the_command() -> None:
    process = start("sh", "-c", "setsid sleep 60 & exit 3")

    assert process.wait() == 3
