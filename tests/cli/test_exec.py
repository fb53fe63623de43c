"""`cfs exec`: one more command in a container that runs, held as that is."""

import os
import re
import resource
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from cfslib.cli import exec_command
from cfslib.isolation import namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from cfslib.runtime import ending
from cfslib.runtime.state import State
from tests.conftest import needs_namespaces, needs_root, wait_until
from tests.life import CFS, Life, commands_with, life

pytestmark = needs_namespaces
SLEEP = ("sleep", 1000)
# What a process is held by, as it can see itself.
HELD = ("Umask", "Groups", "Uid", "Gid", "Cap...", "NoNewPrivs", "Seccomp.*")


@pytest.fixture(scope="module")
def lives() -> Generator[Life]:
    with life() as found:
        yield found


@pytest.fixture(scope="module")
def box(lives: Life) -> State:
    """Return a container that is there for all tests that do it no harm."""
    return lives.start("--name", "box", *SLEEP)


def held(pid: int | str) -> str:
    """Return a shell's command that prints what holds a process inside."""
    files = ("limits", "oom_score_adj", "cgroup")
    status = f"grep -E '^({'|'.join(HELD)}):' /proc/{pid}/status"
    return f"{status}; cat {' '.join(f'/proc/{pid}/{file}' for file in files)}"


def test_a_command_runs_beside_the_first_one(lives: Life, box: State) -> None:
    done = lives.cfs("exec", "box", "sh", "-c", "ps; echo oh >&2; exit 3")

    assert done.returncode == 3
    assert re.search(r"^ +2 .* sleep$", done.stdout, re.MULTILINE)
    assert done.stderr == "oh\n"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--network", "none"],
        ["--security-opt", "no-new-privileges", "--cap-drop", "ALL"],
        ["--security-opt", "seccomp=unconfined", "--cap-add", "SYS_NICE"],
        ["--oom-score-adj", "321", "--pids-limit", "7"],
    ],
    ids=str,
)
def test_it_is_held_by_all_that_holds_the_container(
    lives: Life, options: list[str]
) -> None:
    container = lives.start(*options, *SLEEP)
    first = lives.did("exec", container.id, "sh", "-c", held(2))
    other = lives.did("exec", container.id, "sh", "-c", held("self"))

    assert other == first
    assert "Seccomp_filters" in other
    lives.did("rm", "-f", container.id)


def test_it_is_in_the_same_namespaces(lives: Life, box: State) -> None:
    lives.did("exec", "-d", "box", "sleep", "1001.5")
    (pid,) = commands_with("1001.5")
    pid1 = box.pid1()
    assert pid1
    first = ending.main_of(pid1)
    assert first
    same = namespaces.shared(pid, first.pid)

    for kind in (Namespace.MNT, Namespace.UTS, Namespace.IPC, Namespace.PID):
        assert same[kind]
    assert same[Namespace.USER]
    assert namespaces.shared(pid)[Namespace.CGROUP] is False  # of its own, as PID 1's
    os.kill(pid, signal.SIGKILL)


@needs_root
def test_it_is_in_the_groups_of_the_container(lives: Life, box: State) -> None:
    lives.did("exec", "-d", "box", "sleep", "1002.5")
    (pid,) = commands_with("1002.5")

    for group in box.groups():
        file = "tasks" if os.path.exists(f"{group}/tasks") else "cgroup.procs"
        assert str(pid) in Path(group, file).read_text().split()
    os.kill(pid, signal.SIGKILL)


def test_limits_are_those_of_the_container_and_not_the_callers(
    lives: Life, box: State
) -> None:
    def fewer() -> None:
        os.umask(0o077)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (99, hard))

    script = "umask; ulimit -n"
    ours = lives.did("exec", "box", "sh", "-c", script)
    theirs = lives.did("exec", "box", "sh", "-c", script, preexec_fn=fewer)

    assert ours == theirs
    assert ours.startswith("0022\n")


def test_it_has_the_environment_of_the_container_and_what_is_added(
    lives: Life,
) -> None:
    lives.start("--name", "vars", "-e", "A=1", "-e", "B=2", "--workdir", "/etc", *SLEEP)
    line = ["exec", "-e", "B=3", "-e", "C=4", "vars", "sh", "-c", "env; pwd -P"]
    secret = {**lives.env, "SECRET": "of the host"}
    words = lives.did(*line, env=secret).split()

    assert {"A=1", "B=3", "C=4", "HOME=/root", "/etc"} <= {*words}
    assert "SECRET" not in " ".join(words)
    assert lives.did("exec", "-w", "/tmp", "vars", "pwd") == "/tmp\n"


def test_it_is_who_the_container_is_unless_another_is_named(lives: Life) -> None:
    user = "0" if os.geteuid() else "1234:56"
    lives.start("--name", "who", "-u", user, *SLEEP)
    script = "echo $(id -u) $(id -g); grep CapEff /proc/self/status"

    ours = lives.did("exec", "who", "sh", "-c", script).split()
    assert ours[:2] == (["0", "0"] if os.geteuid() else ["1234", "56"])
    root = lives.did("exec", "-u", "root", "who", "sh", "-c", script).split()
    assert root[:2] == ["0", "0"]
    if not os.geteuid():
        assert int(ours[-1], 16) == 0 != int(root[-1], 16)


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (["nosuch"], 127, "nosuch: No such file"),
        (["/etc"], 126, "/etc: Permission denied"),
        (["/etc/passwd"], 126, "/etc/passwd: Permission denied"),
        (["-w", "/nosuch", "true"], 125, "No such file"),
        (["-u", "nosuch", "true"], 125, "no 'nosuch' in the container's /etc/passwd"),
        ([""], 125, "run what?"),
    ],
    ids=str,
)
def test_what_cannot_start_is_one_line_of_error(
    lives: Life, box: State, argv: list[str], code: int, error: str
) -> None:
    options, command = (argv[:2], argv[2:]) if argv[0][:1] == "-" else ([], argv)
    done = lives.cfs("exec", *options, "box", *command)

    assert done.returncode == code
    assert error in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_where_nothing_runs_an_error_says_so(lives: Life) -> None:
    ended = lives.start("--name", "ended", "true")
    lives.did("wait", "ended")

    for word in ("ended", ended.id[:12]):
        done = lives.cfs("exec", word, "true")
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.startswith("cfs: ended does not run\n  Hint: ")
    assert lives.cfs("exec", "nobody", "true").stderr.startswith("cfs: no such contai")


def test_the_end_of_the_container_is_that_of_the_command(lives: Life) -> None:
    container = lives.start(*SLEEP)
    with Popen([*CFS, "exec", container.id, "sleep", "1003"], env=lives.env) as process:
        assert wait_until(lambda: len(commands_with("1003")) == 2)
        lives.did("rm", "-f", container.id)
        assert process.wait() == 137


def test_a_signal_to_cfs_exec_is_for_the_command(lives: Life, box: State) -> None:
    script = "trap 'echo got it; exit 4' TERM; echo up; while :; do sleep .1; done"
    line = [*CFS, "exec", "box", "sh", "-c", script]
    with Popen(line, env=lives.env, stdout=PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.terminate()
        assert process.stdout.read() == "got it\n"
        assert process.wait() == 4


def test_a_command_whose_cfs_is_killed_ends_with_it(lives: Life, box: State) -> None:
    with Popen([*CFS, "exec", "box", "sleep", "1004"], env=lives.env) as process:
        assert wait_until(lambda: len(commands_with("1004")) == 2)
        process.kill()
    assert wait_until(lambda: not commands_with("1004"))


def test_detached_it_goes_on_as_an_orphan_of_pid_1(lives: Life, box: State) -> None:
    assert lives.did("exec", "-d", "box", "sleep", "1005") == ""
    (pid,) = commands_with("1005")
    pid1 = box.pid1()

    assert pid1
    assert int(procfs.status(pid)["PPid"]) == pid1.pid
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists())  # it has been reaped
    assert lives.cfs("exec", "-d", "box", "nosuch").returncode == 127
    # What has just ended is a zombie until PID 1 has asked for it.
    assert wait_until(lambda: "defunct" not in lives.did("exec", "box", "ps", "-ef"))


def test_what_it_reads_is_what_we_are_given(lives: Life, box: State) -> None:
    assert lives.did("exec", "box", "cat", input="hello") == "hello"


def test_with_t_it_has_a_terminal_of_the_container(lives: Life, box: State) -> None:
    line = f"{' '.join(CFS)} exec -t box sh -c 'tty; test -t 0 && stty -a; ls /dev/pts'"
    done = subprocess.run(
        ["script", "-qec", line, "/dev/null"],
        env=lives.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "/dev/pts/0\n" in done.stdout
    assert "speed" in done.stdout
    assert done.returncode == 0


def test_a_terminal_takes_a_terminal(lives: Life, box: State) -> None:
    assert "no terminal" in lives.cfs("exec", "-t", "box", "true").stderr
    assert "nobody has a terminal" in lives.cfs("exec", "-dt", "box", "true").stderr


def test_help_names_every_option(lives: Life) -> None:
    text = lives.did("exec", "--help")

    for option in exec_command._EXEC.options:
        assert option.name in text


def test_many_at_once_do_each_other_no_harm(lives: Life) -> None:
    lives.start("--name", "crowd", "--pids-limit", 200, *SLEEP)
    line = [*CFS, "exec", "crowd", "sh", "-c", "exit 7"]
    crowd = [Popen(line, env=lives.env) for _ in range(12)]

    assert {process.wait() for process in crowd} == {7}
