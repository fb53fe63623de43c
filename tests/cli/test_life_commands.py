"""`cfs ps`, `logs`, `attach`, `stop`, `kill` and so on, as their users see them."""

import fcntl
import json
import os
import random
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Generator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from cfslib.cli import commands, life_commands
from cfslib.kernel import procfs
from cfslib.runtime import door, ending, processes, state
from cfslib.runtime.processes import Process
from tests.conftest import needs_namespaces, wait_until
from tests.life import CFS, Life, commands_with, life

pytestmark = [needs_namespaces, pytest.mark.long]
HEAD = ["CONTAINER", "ID", "COMMAND", "CREATED", "STATUS", "NAMES"]
SHELL = "trap 'echo {0}; exit 5' {0}; echo up; while :; do sleep .1; done"


@pytest.fixture
def lives() -> Generator[Life]:
    with life() as found:
        yield found


def test_each_command_is_known_and_has_help(lives: Life) -> None:
    assert set(life_commands.COMMANDS) == commands.LIFE
    everything = lives.did("--help")
    for name in commands.LIFE:
        assert re.search(rf"^    {name} +\w", everything, re.MULTILINE)
        text = lives.did(name, "--help")
        assert text.startswith(f"usage: cfs {name} ")
        assert max(map(len, text.splitlines())) <= 80


# ps:


def test_ps_lists_what_runs_and_with_a_what_has_ended(lives: Life) -> None:
    runs = lives.start("--name", "runs", "sleep", 100)
    ended = lives.start("--name", "ended", "sh", "-c", "exit 3")
    lives.did("wait", "ended")
    table, every = lives.did("ps"), lives.did("ps", "-a")

    assert re.search(rf'^{runs.id[:12]}   "sleep 100" .* Up .* runs$', table, re.M)
    assert ended.id[:12] not in table
    assert re.search(rf"^{ended.id[:12]} .* Exited \(3\) .* ago   ended$", every, re.M)
    assert lives.did("ps", "-q") == f"{runs.id[:12]}\n"
    assert lives.did("ps", "-aq").split() == [ended.id[:12], runs.id[:12]]


def test_ps_shows_no_control_characters(lives: Life) -> None:
    lives.start("sh", "-c", "sleep 9 #\x1b")
    table = lives.did("ps")

    assert "\x1b" not in table
    assert "\\x1b" in table


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_ps_prints_in_any_encoding(lives: Life, encoding: str) -> None:
    lives.start("--name", "web", "sh", "-c", "sleep 9 # ä 日本語 and so on")
    env = {**lives.env, "PYTHONIOENCODING": encoding}
    done = lives.cfs("ps", env=env, encoding=encoding)
    first, end = {
        "ascii": ("\\xe4", "..."), "latin-1": ("ä", "..."), "utf-8": ("ä 日本語", "…")
    }[encoding]  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert f'"sh -c sleep 9 # {first}'[:17] in done.stdout
    assert f'{end}"   ' in done.stdout


LINES = (
    "ps, ps -aq, logs web, inspect web, port web, kill web, wait web, restart -t 0 web"
    ", stop -t 0 web, rm -f web, run -d --name web sleep 100"
)


@pytest.mark.parametrize("line", LINES.split(", "))
def test_who_has_closed_its_output_gets_none(lives: Life, line: str) -> None:
    if not line.startswith("run"):
        lives.start("--name", "web", "sleep", 100)
    if line.startswith("wait"):
        lives.did("kill", "web")
    shell = ["sh", "-c", f"exec {' '.join(CFS)} {line} >&-"]
    done = subprocess.run(shell, env=lives.env, capture_output=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, b"")


def test_an_id_that_cannot_be_printed_is_said(lives: Life) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*CFS, "run", "-d", "sleep", "100"],
            env=lives.env, stdout=full, stderr=PIPE, text=True, timeout=60,
        )  # fmt: skip
    (container,) = lives.every()

    assert done.returncode == 125
    assert f"container {container.id[:12]} runs nevertheless" in done.stderr
    assert container.status() == state.RUNNING


def test_where_there_is_none_ps_prints_a_head(lives: Life) -> None:
    assert lives.did("ps").split() == HEAD
    assert lives.did("ps", "-aq") == ""
    assert not os.path.exists(lives.place)


def test_a_container_with_a_name_is_listed_while_it_runs_in_front(lives: Life) -> None:
    line = [*CFS, "run", "--name", "front", "sh", "-c", "echo here; sleep 100"]
    with Popen(line, env=lives.env, stdout=PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stdout.readline() == b"here\n"
        assert "front" in lives.did("ps")
        assert "it prints where it was started" in lives.cfs("logs", "front").stderr
        assert "in front" in lives.cfs("attach", "front").stderr
        lives.did("kill", "-s", "TERM", "front")
        assert process.wait() == 143
    assert "Exited (143)" in lives.did("ps", "-a")


def test_with_rm_one_in_front_is_forgotten(lives: Life) -> None:
    assert lives.cfs("run", "--rm", "--name", "front", "false").returncode == 1
    assert lives.cfs("run", "--rm", "false").returncode == 1
    assert lives.every() == []


# logs:


def test_logs_follow_until_it_ends(lives: Life) -> None:
    script = "for i in 1 2 3; do echo $i; sleep .3; done"
    container = lives.start("--rm", "sh", "-c", script)

    assert lives.logs(container, "-f") == "1\n2\n3\n"


def test_logs_are_there_before_it_ends(lives: Life) -> None:
    container = lives.start("sh", "-c", "printf 'a prompt: '; sleep 100")

    assert lives.soon_logs(container, "a prompt: ")


def test_tail_and_timestamps(lives: Life) -> None:
    container = lives.start("sh", "-c", "seq 5")
    lives.did("wait", container.id)

    assert lives.logs(container, "--tail", 2) == "4\n5\n"
    assert lives.logs(container, "--tail", 0) == ""
    assert lives.logs(container, "-n", 99) == "1\n2\n3\n4\n5\n"
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"
    assert re.fullmatch(f"{stamp} 5\n", lives.logs(container, "-t", "--tail", 1))


def test_a_reader_that_goes_away_does_no_harm(lives: Life) -> None:
    container = lives.start("sh", "-c", "while :; do echo on and on; done")
    line = f"{' '.join(CFS)} logs -f {container.id} | head -n 1"
    printed = subprocess.check_output(["sh", "-c", line], env=lives.env, timeout=60)

    assert printed == b"on and on\n"


# stop, kill, wait, rm:


def test_stop_sends_the_signal_and_waits(lives: Life) -> None:
    container = lives.start("sh", "-c", SHELL.format("TERM"))
    assert lives.soon_logs(container, "up")

    assert lives.did("stop", container.id[:12]) == f"{container.id[:12]}\n"
    assert lives.logs(container) == "up\nTERM\n"
    assert container.end()[0] == 5


@pytest.mark.parametrize("name", ["INT", "SIGUSR1", "12", "RTMIN+3"])
def test_the_stop_signal_can_be_another(lives: Life, name: str) -> None:
    number = {"INT": 2, "SIGUSR1": 10, "12": 12, "RTMIN+3": signal.SIGRTMIN + 3}[name]
    script = f"trap 'exit 5' {int(number)}; echo up; while :; do sleep .1; done"
    container = lives.start("--stop-signal", name, "bash", "-c", script)
    assert lives.soon_logs(container, "up")
    lives.did("stop", container.id)

    assert container.end()[0] == 5


def test_one_that_does_not_listen_is_killed(lives: Life) -> None:
    script = "trap '' TERM; echo up; while :; do sleep .1; done"
    container = lives.start("sh", "-c", script)
    assert lives.soon_logs(container, "up")
    begin = time.monotonic()
    lives.did("stop", "-t", "1", container.id)

    assert time.monotonic() - begin > 1
    assert container.end()[0] == 137


def test_several_are_stopped_at_the_same_time(lives: Life) -> None:
    script = "trap '' TERM; echo up; while :; do sleep .1; done"
    found = [lives.start("sh", "-c", script) for _ in range(4)]
    assert all(lives.soon_logs(one, "up") for one in found)
    begin = time.monotonic()
    lives.did("stop", "-t", "3", *(one.id for one in found))

    assert 3 < time.monotonic() - begin < 10


def test_stop_of_one_that_has_ended_is_no_error(lives: Life) -> None:
    container = lives.start("true")
    lives.did("wait", container.id)

    assert lives.did("stop", container.id) == f"{container.id}\n"


SIGNALS = {"USR1": "10", "sighup": "1", "2": "2", "RTMIN+1": "35", "RTMAX": "64"}


@pytest.mark.parametrize("name", SIGNALS)
def test_any_signal_can_be_sent_by_name_or_number(lives: Life, name: str) -> None:
    number = SIGNALS[name]
    script = f"trap 'exit 5' {number}; echo up; while :; do sleep .1; done"
    container = lives.start("bash", "-c", script)
    assert lives.soon_logs(container, "up")
    lives.did("kill", "-s", name, container.id)

    assert lives.did("wait", container.id) == "5\n"


@pytest.mark.parametrize("name", ["ABRT", "SEGV", "KILL", "TERM"])
def test_what_is_not_passed_on_reaches_the_command(lives: Life, name: str) -> None:
    container = lives.start("sleep", 100)
    lives.did("kill", "-s", name, container.id)

    assert int(lives.did("wait", container.id)) == 128 + getattr(signal, f"SIG{name}")


def test_the_command_can_be_stopped_and_continued(lives: Life) -> None:
    container = lives.start("sh", "-c", "while :; do date +%s%N; sleep .02; done")
    assert lives.soon_logs(container, "\n")
    lives.did("kill", "-s", "STOP", container.id)
    time.sleep(0.3)
    before = lives.logs(container)
    time.sleep(0.3)
    during = lives.logs(container)
    lives.did("kill", "-s", "CONT", container.id)

    assert before == during
    assert wait_until(lambda: lives.logs(container) != before)


@pytest.mark.parametrize("name", ["NOPE", "0", "99", "", "RTMIN+99", "TERM+1"])
def test_what_is_no_signal_is_said(lives: Life, name: str) -> None:
    done = lives.cfs("kill", f"--signal={name}", "web")

    assert done.returncode == 125
    assert "no such signal" in done.stderr


def test_what_fails_for_one_is_done_for_the_others(lives: Life) -> None:
    lives.start("--name", "a", "sleep", 100)
    lives.start("--name", "b", "sleep", 100)
    for words in (["stop"], ["wait"], ["rm"]):
        done = lives.cfs(*words, "a", "nobody", "b")
        expected = ["143", "143"] if words == ["wait"] else ["a", "b"]

        assert done.returncode == 1
        assert done.stdout.split() == expected
        assert done.stderr.startswith("cfs: no such container: nobody\n  Hint: ")
    assert lives.every() == []


def test_kill_of_one_that_has_ended_is_an_error(lives: Life) -> None:
    container = lives.start("--name", "web", "true")
    lives.did("wait", container.id)
    done = lives.cfs("kill", "web")

    assert (done.returncode, done.stderr) == (1, "cfs: web does not run\n")


def test_one_that_runs_is_removed_by_force_alone(lives: Life) -> None:
    lives.start("--name", "web", "sleep", 100)
    done = lives.cfs("rm", "web")

    assert done.returncode == 1
    assert done.stderr.startswith("cfs: web still runs\n  Hint: ")
    assert lives.did("rm", "-f", "web") == "web\n"
    assert lives.every() == []


def test_what_ends_slowly_was_not_started_anew(lives: Life) -> None:
    """PID 1 ends after all that is inside, and one of these is not waited for."""
    lives.start("--name", "web", "sleep", 100)
    with Popen([*CFS, "exec", "web", "sleep", "1003.5"], env=lives.env) as enters:
        assert wait_until(lambda: len(commands_with("1003.5")) == 2)
        (pid,) = set(commands_with("1003.5")) - {enters.pid}
        parent = processes.known(int(procfs.status(pid)["PPid"]))
        parent.send(signal.SIGSTOP)
        with Popen([*CFS, "rm", "-f", "web"], env=lives.env, stderr=PIPE) as removes:
            time.sleep(ending.CLEANING + 2)
            still_waits = removes.poll() is None
            parent.send(signal.SIGCONT)
            said = removes.communicate()[1]

    assert still_waits
    assert (removes.returncode, said) == (0, b"")
    assert lives.every() == []


# inspect, port, restart:


def test_inspect_tells_all(lives: Life) -> None:
    container = lives.start("--name", "web", "-e", "A=\udcff", "--security-opt",
                            "seccomp=unconfined", "sleep", 100)  # fmt: skip
    (told,) = json.loads(lives.did("inspect", "web"))
    pid1 = container.pid1()

    assert pid1
    assert (told["id"], told["name"], told["pid"]) == (container.id, "web", pid1.pid)
    assert told["status"] == "running"
    assert told["spec"]["argv"] == ["sleep", "100"]
    lives.did("kill", "web")
    (told,) = json.loads(lives.did("inspect", "web"))
    assert (told["status"], told["exit_code"], told["pid"]) == ("ended", 137, None)
    assert told["cgroups"] == []


def test_port_lists_nothing_where_nothing_is_published(lives: Life) -> None:
    container = lives.start("sleep", 100)

    assert lives.did("port", container.id) == ""


def test_restart_keeps_name_id_and_log_and_what_was_written_is_gone(
    lives: Life,
) -> None:
    script = "ls /note 2>/dev/null || echo new; touch /note; sleep 100"
    container = lives.start("--name", "web", "sh", "-c", script)
    assert lives.soon_logs(container, "new\n")
    first = container.pid1()

    assert lives.did("restart", "-t", 0, "web") == "web\n"
    assert lives.soon_logs(container, "new\nnew\n")
    assert container.status() == state.RUNNING
    assert container.pid1() != first
    assert "was written inside is gone" in lives.did("restart", "--help")


def test_one_that_has_ended_is_started_again(lives: Life) -> None:
    container = lives.start("--name", "web", "sh", "-c", "echo up; exit 3")
    lives.did("wait", "web")
    lives.did("restart", "web")

    assert lives.did("wait", "web") == "3\n"
    assert lives.logs(container) == "up\nup\n"


def test_what_cannot_be_limited_any_more_is_said_and_is_tried_again(
    lives: Life,
) -> None:
    container = lives.start("--name", "web", "sleep", 100)
    spec = Path(container.path, "spec")
    before = spec.read_text()
    # As if it had been started in a scope, which it is not in any more.
    spec.write_text(before.replace("'memory_max': None", f"'memory_max': {1 << 28}"))
    done = lives.cfs("restart", "-t", 0, "web")
    if done.returncode == 0:
        pytest.skip("here we may set this limit")

    assert done.stderr.startswith("cfs: cannot limit memory: ")
    assert container.status() == state.ENDED
    spec.write_text(before)
    assert lives.did("restart", "web") == "web\n"


@pytest.mark.parametrize("other", [["restart", "-t", "0"], ["rm", "-f"], ["stop"]])
def test_who_restarts_it_at_the_same_time_leaves_one_or_none(
    lives: Life, other: list[str]
) -> None:
    mark = f"98765.{random.getrandbits(40)}"
    container = lives.start("--name", "web", "sleep", mark)
    lines = [["restart", "-t", "0"], other] * 3
    at_once = [
        Popen([*CFS, *line, container.id], env=lives.env, stdout=PIPE, stderr=PIPE)
        for line in lines
    ]
    said = [one.communicate()[1].decode() for one in at_once]
    running = [one for one in lives.every() if one.status() == state.RUNNING]

    assert wait_until(lambda: _inside(mark) == [one.pid1() for one in running]), said
    assert not any("our mistake" in text for text in said)


def _inside(mark: str) -> list[Process]:
    """Return the first processes of the containers whose command has a word."""
    found = [procfs.status(pid) for pid in commands_with(mark)]
    parents = [int(each["PPid"]) for each in found if each["Name"] == "sleep"]
    return [processes.known(pid) for pid in parents]


@pytest.mark.parametrize("words", [["stop"], ["kill"], ["rm", "-f"]])
def test_one_that_is_forgotten_at_its_end_can_be_ended(
    lives: Life, words: list[str]
) -> None:
    for _ in range(5):
        lives.start("--rm", "--name", "web", "sleep", 100)

        assert lives.did(*words, "web") == "web\n"
        assert wait_until(lambda: lives.every() == [])


def test_restart_of_one_with_rm_does_not_forget_it(lives: Life) -> None:
    lives.start("--rm", "--name", "web", "sleep", 100)
    lives.did("restart", "-t", 0, "web")

    assert "Up" in lives.did("ps")
    lives.did("stop", "-t", 0, "web")
    assert wait_until(lambda: lives.every() == [])


def test_one_that_cannot_be_started_again_is_there_to_be_removed(
    lives: Life, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    volume = f"{tmp_path}/data:/data"
    lives.start("--name", "web", "-v", volume, "sleep", 100)
    (tmp_path / "data").rmdir()
    done = lives.cfs("restart", "-t", 0, "web")

    assert done.returncode == 1
    assert f"{tmp_path}/data" in done.stderr
    assert "Exited (125)" in lives.did("ps", "-a")
    lives.did("rm", "web")


# attach:


def test_attach_shows_both_streams_and_ends_with_its_code(lives: Life) -> None:
    script = "read line; echo out $line; echo err $line >&2; exit 7"
    container = lives.start("-i", "sh", "-c", script)
    done = lives.cfs("attach", container.id, input="typed\n")

    assert (done.stdout, done.stderr) == ("out typed\n", "err typed\n")
    assert done.returncode == 7
    assert lives.logs(container) == "out typed\nerr typed\n"


def test_a_signal_goes_to_one_without_a_terminal(lives: Life) -> None:
    script = "trap 'echo INT; exit 5' INT; while :; do echo on; sleep .1; done"
    container = lives.start("sh", "-c", script)
    with Popen([*CFS, "attach", container.id], env=lives.env, stdout=PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"on\n"  # so it has joined
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)

    assert (printed.splitlines()[-1], process.returncode) == (b"INT", 5)


def test_attach_to_one_that_has_ended_is_an_error(lives: Life) -> None:
    container = lives.start("--name", "web", "true")
    lives.did("wait", container.id)
    done = lives.cfs("attach", "web")

    assert (done.returncode, done.stderr) == (125, "cfs: web does not run\n")


class Person:
    """Somebody at a terminal who has joined a container."""

    def __init__(
        self, lives: Life, container: state.State, rows: int = 33, columns: int = 99
    ) -> None:
        self._master, slave = os.openpty()
        size = struct.pack("4H", rows, columns, 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        self._before = termios.tcgetattr(slave)
        line = [*CFS, "attach", container.id]
        self.process = Popen(
            line, env=lives.env, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
        )  # fmt: skip
        self._slave = slave
        self.seen = b""

    def types(self, data: bytes) -> None:
        """Type."""
        os.write(self._master, data)

    def sees(self, text: bytes) -> bool:
        """Wait until this is on the screen."""

        def look() -> bool:
            while select.select([self._master], [], [], 0.05)[0]:
                self.seen += os.read(self._master, 1 << 16)
            return text in self.seen

        return wait_until(look)

    def resizes(self, rows: int, columns: int) -> None:
        """Make the window larger or smaller."""
        size = struct.pack("4H", rows, columns, 0, 0)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, size)
        self.process.send_signal(signal.SIGWINCH)

    def leaves(self) -> int:
        """Wait until `cfs attach` ends, and return its exit code."""
        code = self.process.wait(60)
        assert termios.tcgetattr(self._slave) == self._before
        for fd in (self._master, self._slave):
            os.close(fd)
        return code


def test_attach_joins_a_terminal_and_two_keys_leave_it(lives: Life) -> None:
    container = lives.start("-t", "sh", "-c", "while read w; do stty size; done")
    person = Person(lives, container)
    assert wait_until(lambda: not _echoes(person))
    person.types(b"size\r")
    assert person.sees(b"33 99\r\n")
    person.resizes(44, 111)
    time.sleep(0.2)
    person.types(b"again\r")
    assert person.sees(b"44 111\r\n")
    person.types(b"\x10\x11")

    assert person.leaves() == 0
    assert container.status() == state.RUNNING


def _echoes(person: Person) -> bool:
    """Say if the terminal of a person still does what ours does by itself."""
    return bool(termios.tcgetattr(person._slave)[3] & termios.ECHO)


def test_ctrl_c_is_for_what_is_in_front_of_the_terminal_inside(lives: Life) -> None:
    container = lives.start("-t", "sh", "-c", SHELL.format("INT"))
    assert lives.soon_logs(container, "up")
    person = Person(lives, container)
    assert wait_until(lambda: not _echoes(person))
    person.types(b"\x03")

    assert person.sees(b"INT")
    assert person.leaves() == 5


def test_two_may_join_at_once(lives: Life) -> None:
    container = lives.start("-t", "cat")
    people = [Person(lives, container) for _ in range(2)]
    assert wait_until(lambda: not any(map(_echoes, people)))
    people[0].types(b"hello\r")
    for person in people:
        assert person.sees(b"hello\r\nhello\r\n")
    for person in people:
        person.types(b"\x10\x11")

    assert [person.leaves() for person in people] == [0, 0]


def test_where_no_more_may_be_opened_they_wait_before_the_door(lives: Life) -> None:
    container = lives.start("sleep", 100)
    monitor, guests = container.maker().pid, []
    files = f"/proc/{monitor}/fd"
    before, most = len(os.listdir(files)), max(map(int, os.listdir(files))) + 3
    resource.prlimit(monitor, resource.RLIMIT_NOFILE, (most, most))
    for _ in range(8):  # so many as may wait, and more than there is room for
        guest = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        guest.settimeout(10)
        guests.append(guest)
        with door.At(container.path) as path:
            guest.connect(path)
    time.sleep(0.2)
    ticks = _ticks(monitor)
    time.sleep(1)
    used, full = _ticks(monitor) - ticks, len(os.listdir(files))
    for guest in guests:
        guest.close()

    assert used < 20
    assert full > before
    assert wait_until(lambda: len(os.listdir(files)) == before)
    person = Person(lives, container)  # there is room for one again
    assert wait_until(lambda: len(os.listdir(files)) == before + 1)
    lives.did("kill", container.id)
    assert person.leaves() == 137


def _ticks(pid: int) -> int:
    """Return for how long a process was computing, in hundredths of a second."""
    fields = procfs.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_window_may_be_as_large_as_there_are(lives: Life) -> None:
    container = lives.start("-t", "sh", "-c", "while read w; do stty size; done")
    person = Person(lives, container, 65535, 65535)
    assert wait_until(lambda: not _echoes(person))
    person.types(b"size\r")
    assert person.sees(b"65535 65535\r\n")
    person.types(b"\x10\x11")

    assert person.leaves() == 0


def test_one_who_joins_and_does_not_listen_holds_nobody_up(lives: Life) -> None:
    container = lives.start("sh", "-c", "while :; do cat /bin/sh; done")
    with Popen([*CFS, "attach", container.id], env=lives.env, stdout=PIPE) as guest:
        assert wait_until(lambda: os.path.exists(f"{container.path}/log.1"))
        guest.kill()
    assert container.status() == state.RUNNING
