"""A container goes on when whoever started it has gone, and is written down."""

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

import pytest

from cfslib.kernel import procfs
from cfslib.runtime import ending, register, state
from cfslib.runtime.state import State
from tests.conftest import (
    ROOT,
    groups_of,
    is_alive,
    needs_namespaces,
    wait_until,
)
from tests.life import CFS, Life, commands_with, life

pytestmark = needs_namespaces


@pytest.fixture
def lives() -> Generator[Life]:
    with life() as found:
        yield found


def pids(container: State) -> tuple[int, int]:
    """Return the monitor and PID 1."""
    pid1 = container.pid1()
    assert pid1
    return container.maker().pid, pid1.pid


# Nothing of the caller's:


def test_a_pipe_ends_when_the_command_that_starts_it_does(lives: Life) -> None:
    line = f"{' '.join(CFS)} run -d sleep 100 2>&1 | cat"
    printed = subprocess.check_output(["sh", "-c", line], env=lives.env, timeout=30)

    assert [one.id for one in lives.every()] == printed.decode().split()
    assert lives.every()[0].status() == state.RUNNING


def test_the_monitor_has_no_file_of_the_callers(lives: Life, tmp_path: Path) -> None:
    mine = (tmp_path / "mine").open("w")
    os.set_inheritable(mine.fileno(), True)
    done = lives.cfs("run", "-d", "sleep", 100, close_fds=False, cwd=tmp_path)
    container = State(lives.place, done.stdout.strip())
    monitor, _ = pids(container)
    files = {os.readlink(fd) for fd in Path(f"/proc/{monitor}/fd").iterdir()}
    mine.close()
    # Its container's: pipes, pidfds, the door, and what is held in use.
    named = {file for file in files if file[:1] == "/" and "/rootfs-" not in file}

    janitor = "/memfd:cfs-janitor (deleted)"
    assert named <= {"/dev/null", janitor, f"{container.path}/log"}
    pipes = [file for file in files if file.startswith("pipe:")]
    assert len(pipes) == 2  # what it prints on its two streams
    assert os.readlink(f"/proc/{monitor}/cwd") == "/"


def test_the_monitor_is_alone_in_a_session_without_a_terminal(lives: Life) -> None:
    monitor, _ = pids(lives.start("sleep", 100))

    assert os.getsid(monitor) == monitor
    terminal = procfs.read(f"/proc/{monitor}/stat").rpartition(")")[2].split()[4]
    assert terminal == "0"
    assert procfs.status(monitor)["Name"] == "cfs-monitor"


CALLERS = {
    "with no standard input": "{cfs} run -d sleep 100 <&-",
    "with no streams but one": "{cfs} run -d sleep 100 <&- 2>&-",
    "under nohup": "nohup {cfs} run -d sleep 100",
    "in the background": "{cfs} run -d sleep 100 & wait",
    "as cron does": "env -i XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR HOME=$HOME"
    " PATH=/usr/bin:/bin XDG_CACHE_HOME=$XDG_CACHE_HOME {cfs} run -d sleep 100",
    "with signals ignored": "trap '' TERM INT HUP CHLD; {cfs} run -d sleep 100",
}


@pytest.mark.parametrize("caller", CALLERS)
def test_it_can_be_started_and_stopped(lives: Life, caller: str) -> None:
    line = CALLERS[caller].format(cfs=" ".join(CFS))
    done = subprocess.run(
        ["sh", "-c", line], env=lives.env, stdout=PIPE, stdin=DEVNULL, timeout=60
    )
    (container,) = lives.every()

    assert done.stdout.decode().strip() == container.id
    assert lives.did("stop", container.id) == f"{container.id}\n"
    assert lives.did("wait", container.id) == "143\n"


def test_it_goes_on_when_the_terminal_of_its_caller_is_closed(lives: Life) -> None:
    master, slave = os.openpty()
    caller = Popen(
        ["sh", "-c", f"{' '.join(CFS)} run -d sleep 100; exec sleep 100"],
        env=lives.env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    assert wait_until(
        lambda: [one.status() for one in lives.every()] == [state.RUNNING]
    )
    os.close(master)
    caller.kill()
    caller.wait()
    time.sleep(0.1)

    assert lives.every()[0].status() == state.RUNNING


# What goes wrong before the command runs:


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["no-such-program"], 127),
        (["/etc"], 126),
        (["--rootfs", "/no/such/place", "true"], 125),
        (["--workdir", "/no/such/place", "true"], 125),
        (["--volume", "/no/such/place:/data", "true"], 125),
        (["--trace", "true"], 125),
        (["--name", "a/b", "true"], 125),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_run_is_said_as_without_d_and_leaves_nothing(
    lives: Life, words: list[str], code: int
) -> None:
    done = lives.cfs("run", "-d", *words)
    here = lives.cfs("run", *words)

    assert (done.returncode, done.stdout) == (code, "")
    if words[0] not in ("--trace",):
        assert done.stderr == here.stderr
    assert lives.every() == []


@pytest.mark.skipif(ROOT, reason="root may set every limit")
def test_a_limit_that_cannot_be_set_is_said_as_without_d(lives: Life) -> None:
    line = ["--memory", "64m", "true"]
    done, here = lives.cfs("run", "-d", *line), lives.cfs("run", *line)

    assert (done.returncode, done.stderr) == (here.returncode, here.stderr)


FINDS = """
import sys
from cfslib.cli import entry
from cfslib.images import host_tools

find = host_tools.find
host_tools.find = lambda name, path=None: find(
    name, "{bin}" if name == "systemd-run" else path
)
sys.exit(entry.main())
"""


@pytest.mark.skipif(ROOT, reason="root needs no systemd")
def test_where_systemd_may_help_it_is_asked_for_the_monitor_too(
    lives: Life, tmp_path: Path
) -> None:
    """One that shows that it was asked, and is found in place of the machine's own."""
    if lives.cfs("run", "--memory", "64m", "true").returncode == 0:
        pytest.skip("limits can be set here")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin/systemd-run"
    fake.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nexit 7\n')
    fake.chmod(0o755)
    (Path(lives.env["XDG_RUNTIME_DIR"]) / "systemd").mkdir()
    (Path(lives.env["XDG_RUNTIME_DIR"]) / "systemd/private").touch()
    line = [sys.executable, "-c", FINDS.format(bin=fake.parent)]
    line += ["run", "-d", "--memory", "64m", "true"]
    done = subprocess.run(line, env=lives.env, capture_output=True)

    assert done.returncode == 7
    assert "run -d --memory 64m true" in (tmp_path / "asked").read_text()
    assert lives.every() == []


def test_a_name_that_is_taken_is_an_error_before_anything_starts(lives: Life) -> None:
    lives.start("--name", "web", "sleep", 100)
    for how in ("-d", "--rm"):
        done = lives.cfs("run", how, "--name", "web", "touch", "/nothing/of/this/runs")

        assert done.returncode == 125
        assert "the name web is taken" in done.stderr
    assert len(lives.every()) == 1


def test_if_the_caller_is_gone_by_then_nothing_runs(lives: Life) -> None:
    mark = f"98765.{random.getrandbits(40)}"
    for delay in range(0, 200, 10):
        caller = Popen([*CFS, "run", "-d", "sleep", mark], env=lives.env, stdout=PIPE)
        time.sleep(delay / 1000)
        caller.kill()
        caller.communicate()
    # Those of which it was said that they run before their callers were killed do so.
    assert wait_until(
        lambda: all(one.status() != state.CREATED for one in lives.every())
    )
    running = [one for one in lives.every() if one.status() == state.RUNNING]
    for container in running:
        said = lives.cfs("rm", "-f", container.id).stderr
        assert said == "" or _is_gone(said)

    assert wait_until(lambda: not commands_with(mark))
    assert lives.every() == []


# Until the end:


def test_what_it_prints_is_kept_in_order_by_stream(lives: Life) -> None:
    script = "echo one; sleep .1; echo two >&2; sleep .1; printf three"
    container = lives.start("sh", "-c", script)
    lives.did("wait", container.id)
    done = lives.cfs("logs", container.id)

    assert (done.stdout, done.stderr) == ("one\nthree", "two\n")


@pytest.mark.parametrize("code", [0, 7, 137])
def test_how_it_ended_is_written_down(lives: Life, code: int) -> None:
    container = lives.start("sh", "-c", f"exit {code}")

    assert lives.did("wait", container.id) == f"{code}\n"
    assert container.status() == state.ENDED
    assert container.end()[0] == code


def test_with_rm_nothing_is_left_and_whoever_waits_has_its_code(lives: Life) -> None:
    script = "trap 'exit 7' TERM; while :; do sleep .1; done"
    container = lives.start("--rm", "--name", "web", "sh", "-c", script)
    with Popen([*CFS, "wait", "web"], env=lives.env, stdout=PIPE) as waiting:
        files = Path(f"/proc/{waiting.pid}/fd")
        assert wait_until(lambda: "reserve" in _names_of(files))
        lives.did("stop", "web")
        assert waiting.communicate()[0] == b"7\n"
    assert wait_until(lambda: lives.every() == [])
    assert not os.path.exists(container.path)


def _names_of(files: Path) -> set[str]:
    """Return the names of the files that a process has open; one may just be closed."""
    found = set()
    for fd in files.iterdir():
        with suppress(FileNotFoundError):
            found.add(Path(os.readlink(fd)).name)
    return found


def test_its_cgroups_are_known_and_gone_at_the_end(lives: Life) -> None:
    container = lives.start("sleep", 100)
    monitor, pid1 = pids(container)
    for group in container.groups():
        assert str(pid1) in procfs.read(f"{group}/cgroup.procs").split()
    assert bool(groups_of(monitor)) == bool(container.groups())
    lives.did("stop", "-t", 0, container.id)

    assert groups_of(monitor) == []


def test_one_that_prints_without_end_does_not_fill_the_disk(lives: Life) -> None:
    container = lives.start("sh", "-c", "while :; do cat /bin/sh; done")
    assert wait_until(lambda: os.path.exists(f"{container.path}/log.1"))
    time.sleep(0.5)
    size = sum(file.stat().st_size for file in Path(container.path).iterdir())

    assert size < 9 << 20
    assert container.status() == state.RUNNING


def test_the_command_does_not_get_the_terminal_of_the_caller(lives: Life) -> None:
    container = lives.start("sh", "-c", "ls -l /proc/self/fd; tty")
    lives.did("wait", container.id)
    text = lives.logs(container)

    assert "/dev/null" in text
    assert "not a tty" in text


def test_with_t_it_has_a_terminal_of_its_own(lives: Life) -> None:
    container = lives.start("-t", "sh", "-c", "tty; stty size")
    lives.did("wait", container.id)

    assert lives.logs(container) == "/dev/pts/0\n24 80\n"
    assert b"/dev/pts/0\r\n" in Path(f"{container.path}/log").read_bytes()


# Whoever is killed:


def test_if_the_monitor_is_killed_all_ends_and_that_is_seen(lives: Life) -> None:
    container = lives.start("sleep", 100)
    monitor, pid1 = pids(container)
    os.kill(monitor, signal.SIGKILL)

    assert wait_until(lambda: not is_alive(pid1))
    assert wait_until(lambda: container.status() == state.ENDED)
    assert "Exited (137)" in lives.did("ps", "-a")
    assert lives.did("wait", container.id) == "137\n"
    assert wait_until(lambda: groups_of(monitor) == [])
    lives.did("rm", container.id)
    assert lives.every() == []


def test_a_monitor_that_is_asked_to_end_asks_the_command(lives: Life) -> None:
    script = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep .1; done"
    container = lives.start("sh", "-c", script)
    assert lives.soon_logs(container, "up")
    os.kill(pids(container)[0], signal.SIGTERM)

    assert lives.did("wait", container.id) == "5\n"
    assert lives.logs(container) == "up\nbye\n"


AT_ONCE, FEWEST, SECONDS = 9, 18, 15  # kills, unless the machine is slow


def test_whoever_is_killed_rm_leaves_nothing(lives: Life) -> None:
    """Kill monitors, first processes, commands, `cfs run` and `cfs stop` at random."""
    mark = f"98765.{random.getrandbits(40)}"
    monitors: set[int] = set()
    end, kills = time.monotonic() + SECONDS, 0
    while kills < FEWEST or time.monotonic() < end:
        _start_some(mark, lives)
        found = lives.every()
        monitors |= _makers(found)
        _kill_something_of_each(found, lives)
        kills += AT_ONCE
        if found:
            done = lives.cfs("rm", "-f", *(one.id for one in found))
            causes = [x for x in done.stderr.splitlines() if x.startswith("cfs: ")]
            assert all(map(_is_gone, causes)), done.stderr
    print(f"{kills} kills")

    assert wait_until(lambda: not commands_with(mark))
    assert lives.every() == []
    assert wait_until(lambda: not any(map(groups_of, monitors)))
    assert not any(map(is_alive, monitors))


def _is_gone(said: str) -> bool:
    """Say if no more went wrong than that somebody else was quicker."""
    return "gone" in said or "no such" in said


def _makers(containers: list[State]) -> set[int]:
    """Return the pids of the monitors; a container may just go by itself."""
    makers = set()
    for container in containers:
        with suppress(FileNotFoundError):
            makers.add(container.maker().pid)
    return makers


def _start_some(mark: str, lives: Life) -> None:
    """Start containers at the same time, and kill two of those who do so."""
    line = [*CFS, "run", "-d", "sleep", mark]
    callers = [Popen(line, env=lives.env, stdout=DEVNULL, stderr=DEVNULL)
               for _ in range(AT_ONCE)]  # fmt: skip
    time.sleep(random.uniform(0, 1))
    for caller in random.sample(callers, 2):
        caller.kill()
    for caller in callers:
        caller.wait()


def _kill_something_of_each(containers: list[State], lives: Life) -> None:
    """Have containers be stopped, and kill one of their processes meanwhile."""
    line = [*CFS, "stop"]
    stopping = [Popen([*line, one.id], env=lives.env, stdout=DEVNULL, stderr=DEVNULL)
                for one in containers]  # fmt: skip
    time.sleep(random.uniform(0, 0.3))
    for container in containers:
        with suppress(FileNotFoundError):  # its caller was killed, and it has just gone
            pid1 = container.pid1()
            main = pid1 and ending.main_of(pid1)
            if victim := random.choice([container.maker(), pid1, main, None]):
                ending.kill(victim)
        time.sleep(random.uniform(0, 0.05))
    for one in stopping:
        one.kill()
        one.wait()


def test_two_that_stop_and_remove_the_same_one_do_no_harm(lives: Life) -> None:
    container = lives.start("sleep", 100)
    line = [*CFS, "rm", "-f", container.id]
    both = [Popen(line, env=lives.env, stdout=PIPE, stderr=PIPE) for _ in range(4)]
    said = [one.communicate()[1].decode() for one in both]

    assert lives.every() == []
    assert any(text == "" for text in said)
    assert all(text == "" or _is_gone(text) for text in said)


def test_what_a_maker_that_was_killed_has_left_is_not_in_the_way(lives: Life) -> None:
    place = Path(lives.place)
    place.mkdir(mode=0o700)
    draft = place / f".{'a' * 64}"
    draft.mkdir()
    (draft / "spec").write_text("half of")
    (place / "web").symlink_to("a" * 64)
    lives.start("--name", "web", "sleep", 100)

    assert not draft.exists()
    assert register.find(lives.place, "web").status() == state.RUNNING
