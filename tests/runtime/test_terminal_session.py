"""A person at a terminal: `cfs run bash` through a real pty."""

import os
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pexpect
import pytest

from tests.conftest import PATIENCE, is_alive, needs_namespaces, wait_until

CFS = [sys.executable, "-m", "cfslib.cli.entry"]
PROMPT = "inside> "
Person = Any  # a pexpect.spawn[str]; after expect(), its texts are there
LFLAG = 3  # the place of the local modes in what tcgetattr returns

pytestmark = [
    needs_namespaces,
    pytest.mark.skipif(not shutil.which("bash"), reason="needs bash"),
]


@contextmanager
def session(
    *words: str, size: tuple[int, int] = (24, 80), script: str = ""
) -> Generator[Person]:
    """Start `cfs run WORDS` on a terminal, or a shell script that does."""
    command = ["sh", "-c", script] if script else [*CFS, "run", *words]
    person = pexpect.spawn(
        command[0], command[1:], encoding="utf-8", timeout=PATIENCE, dimensions=size
    )
    person.delaybeforesend = None
    try:
        yield person
    finally:
        person.close(force=True)


@contextmanager
def bash(*words: str, size: tuple[int, int] = (24, 80)) -> Generator[Person]:
    """Start an interactive bash in a container, up to its first prompt."""
    with session(*words, "bash", "--norc", size=size) as person:
        person.expect(r"bash-[\d.]+[#$] ")
        assert "job control" not in person.before
        assert "process group" not in person.before
        # In two parts, so that the echo of the command is no prompt.
        person.sendline("PS1='insi''de> '; bind 'set enable-bracketed-paste off'")
        person.expect_exact(PROMPT)
        yield person


def answer(person: Person, command: str) -> list[str]:
    """Type a command; return the lines it prints."""
    person.sendline(command)
    person.expect_exact(PROMPT)
    lines: list[str] = person.before.splitlines()
    return lines[1:]  # the first one is the echo of the command


def test_a_shell_starts_without_a_warning_and_has_job_control() -> None:
    with bash() as person:
        assert "m" in answer(person, "echo $-")[0]
        assert answer(person, "sleep 60 & jobs %1")[-1].startswith("[1]+  Running")
        assert answer(person, "kill %1; wait %1 2>/dev/null; echo $?")[-1] == "143"


def test_the_bashrc_of_the_rootfs_names_the_container() -> None:
    with session("--hostname", "box", "bash") as person:
        person.expect(r"root@box:/[#$] ")


def test_the_terminal_is_one_of_the_containers_own() -> None:
    with bash() as person:
        assert answer(person, "tty") == ["/dev/pts/0"]
        assert answer(person, "ls /dev/pts") == ["0  ptmx"]
        assert answer(person, "echo $TERM") == [os.environ.get("TERM", "dumb")]


def test_ps_sees_two_processes_there_too() -> None:
    # Without options ps shows what has the same terminal.
    with session("ps", "-o", "pid=,tty=,comm=") as person:
        person.expect(pexpect.EOF)

        assert person.before.split() == ["1", "pts/0", "cfs", "2", "pts/0", "ps"]


def test_the_terminal_belongs_to_who_uses_it() -> None:
    with session("sh", "-c", "stat -c %U /dev/pts/0; : > /dev/tty && echo mine") as one:
        one.expect(pexpect.EOF)

        assert one.before.split() == ["root", "mine"]


def test_the_exit_code_of_the_shell_is_ours() -> None:
    with bash() as person:
        person.sendline("exit 7")
        person.expect(pexpect.EOF)
        person.wait()

        assert (person.exitstatus, person.signalstatus) == (7, None)
        assert "cfs:" not in person.before


def test_the_end_of_input_ends_the_shell() -> None:
    with bash() as person:
        answer(person, "true")
        person.sendeof()
        person.expect(pexpect.EOF)

        assert person.wait() == 0


def test_ctrl_c_ends_the_foreground_job_and_not_the_shell() -> None:
    with bash() as person:
        person.sendline("sh -c 'echo up; exec sleep 60'")
        person.expect_exact("up\r\n")
        person.sendintr()
        person.expect_exact(PROMPT)

        assert answer(person, "echo $?") == ["130"]


def test_ctrl_c_at_the_prompt_is_a_new_prompt() -> None:
    with bash() as person:
        person.send("rm -r something")
        person.expect_exact("something")
        person.sendintr()
        person.expect_exact(PROMPT)

        assert answer(person, "echo still here") == ["still here"]


def test_ctrl_c_ends_a_command_without_a_shell() -> None:
    with session("sh", "-c", "echo up; exec sleep 60") as person:
        person.expect_exact("up\r\n")
        person.sendintr()
        person.expect(pexpect.EOF)

        assert person.wait() == 130


def test_ctrl_backslash_ends_a_command_too() -> None:
    with session("sh", "-c", "echo up; exec sleep 60") as person:
        person.expect_exact("up\r\n")
        person.sendcontrol("\\")
        person.expect(pexpect.EOF)

        assert person.wait() == 131


def test_ctrl_z_stops_a_job_that_bg_and_fg_continue() -> None:
    with bash() as person:
        person.sendline("sh -c 'echo up; read line; echo got $line'")
        person.expect_exact("up\r\n")
        person.sendcontrol("z")
        person.expect_exact("Stopped")
        person.expect_exact(PROMPT)
        assert any("Stopped" in line for line in answer(person, "jobs"))
        person.sendline("fg")
        person.expect_exact("read line")
        person.sendline("hello")
        person.expect_exact("got hello\r\n")
        person.expect_exact(PROMPT)

        assert answer(person, "jobs") == []


def test_the_window_has_our_size_and_follows_it() -> None:
    with bash(size=(31, 97)) as person:
        assert answer(person, "stty size") == ["31 97"]

        person.setwinsize(40, 132)
        # The signal that says so may take a moment.
        assert wait_until(lambda: answer(person, "stty size") == ["40 132"])


def test_a_program_hears_of_a_new_size() -> None:
    program = "trap 'stty size; exit' WINCH; echo up; while :; do sleep 0.05; done"
    with session("bash", "-c", program) as person:
        person.expect_exact("up\r\n")
        person.setwinsize(50, 60)
        person.expect_exact("50 60\r\n")


def test_a_password_is_not_echoed() -> None:
    with bash() as person:
        person.sendline("read -s word; echo; echo ${#word}")
        person.expect_exact("\r\n")
        time.sleep(0.2)  # until echo is off
        person.sendline("secret")
        person.expect_exact(PROMPT)

        assert person.before.split() == ["6"]


def test_all_that_is_pasted_arrives() -> None:
    lines = 3000
    with session("sh", "-c", "stty -echo; echo up; wc -c") as person:
        person.expect_exact("up\r\n")
        for _ in range(lines):
            person.send("y" * 99 + "\n")
        person.sendeof()

        person.expect_exact(f"{lines * 100}\r\n")


def test_all_that_is_printed_arrives() -> None:
    with session("seq", "100000") as person:
        person.expect(pexpect.EOF)

        assert person.before.split() == [str(number) for number in range(1, 100001)]


def test_two_terminals_do_not_see_each_other() -> None:
    with bash() as one, bash() as other:
        assert answer(one, "tty") == answer(other, "tty") == ["/dev/pts/0"]
        assert answer(one, "ls /dev/pts") == ["0  ptmx"]
        assert answer(other, "echo mine > /dev/pts/0") == ["mine"]


ENDS = {
    "exit 3": 3,
    "kill -9 $$": 137,
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("options", ["", "-t | cat"])
def test_our_terminal_is_afterwards_what_it_was(end: str, options: str) -> None:
    """From a shell, as people do: it prints the modes before and after."""
    options, _, pipe = options.partition("|")
    pipe = pipe and f"| {pipe}"
    cfs = f"'{CFS[0]}' -m cfslib.cli.entry run {options} bash --norc"
    script = f"stty -g; {cfs} {pipe}; echo code $?; stty -g"
    with session(script=script) as person:
        before = person.readline()
        person.expect(r"bash-[\d.]+[#$] ")
        raw = termios.tcgetattr(person.child_fd)[LFLAG]
        person.sendline(end)
        person.expect(r"code (\d+)\r\n")
        code = int(person.match[1])

        assert not raw & termios.ICANON
        assert code == (0 if pipe else ENDS[end])
        assert person.readline() == before


def test_our_terminal_is_what_it_was_after_a_signal_to_us() -> None:
    cfs = f"'{CFS[0]}' -m cfslib.cli.entry run sh -c 'echo up; exec sleep 60'"
    script = f"stty -g; {cfs} & echo $! ; fg; echo code $?; stty -g"
    with session(script=f"set -m; {script}") as person:
        before = person.readline()
        cfs_pid = int(person.readline())
        person.expect_exact("up\r\n")
        os.kill(cfs_pid, signal.SIGTERM)
        person.expect_exact("code 143\r\n")

        assert person.readline() == before


def test_our_terminal_is_what_it_was_after_an_error() -> None:
    script = (
        f"stty -g; '{CFS[0]}' -m cfslib.cli.entry run nosuch; echo code $?; stty -g"
    )
    with session(script=script) as person:
        before = person.readline()
        person.expect_exact("code 127\r\n")

        assert person.readline() == before


def test_with_a_pipe_for_input_there_is_no_terminal_inside() -> None:
    script = f"echo tty | '{CFS[0]}' -m cfslib.cli.entry run sh"
    with session(script=script) as person:
        person.expect_exact("not a tty\r\n")


def test_a_terminal_that_is_closed_ends_the_container() -> None:
    with bash() as person:
        pid = person.pid
        children = f"/proc/{pid}/task/{pid}/children"
        with open(children) as file:
            inside = [int(child) for child in file.read().split()]
        person.close(force=False)

        assert inside
        assert wait_until(lambda: not any(map(is_alive, inside)))


@pytest.mark.skipif(not shutil.which("script"), reason="needs script(1)")
def test_a_session_can_be_recorded_by_script() -> None:
    words = [
        "script",
        "-qec",
        f"'{CFS[0]}' -m cfslib.cli.entry run sh -c tty",
        "/dev/null",
    ]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True)

    assert done.returncode == 0
    assert b"/dev/pts/0" in done.stdout


@pytest.mark.skipif(not shutil.which("tmux"), reason="needs tmux")
def test_a_session_works_in_tmux() -> None:
    cfs = f"'{CFS[0]}' -m cfslib.cli.entry run"
    socket = f"cfs-test-{os.getpid()}"
    command = f"{cfs} sh -c 'tty; stty size; sleep 60'"
    tmux = ["tmux", "-L", socket, "-f", "/dev/null"]
    size = ["-x", "90", "-y", "30"]

    def screen() -> str:
        return subprocess.run(
            [*tmux, "capture-pane", "-p"], capture_output=True, text=True
        ).stdout

    try:
        subprocess.run([*tmux, "new-session", "-d", *size, command], check=True)

        assert wait_until(lambda: "90" in screen().split())
        assert "/dev/pts/0" in screen()
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
