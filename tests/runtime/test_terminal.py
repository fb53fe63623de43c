"""Terminal: a terminal for the container, joined to ours."""

import fcntl
import os
import signal
import socket
import struct
import termios
import time
from contextlib import suppress
from threading import Thread

import pytest

from cfslib.children.in_child import in_child
from cfslib.kernel.kept_back import KeptBack
from cfslib.runtime import init, terminal
from tests.conftest import wait_until


def test_a_pty_has_two_ends() -> None:
    def talk() -> bytes:
        os.dup2(os.openpty()[1], 0)  # whose size it takes
        os.setsid()
        master = terminal.make(owner=os.getuid())
        os.write(master, b"typed\n")
        return os.read(0, 100)

    assert in_child(talk) == b"typed\n"


def with_a_person(
    script: str, typed: bytes, prompt: bytes = b"", rows: int = 24
) -> str:
    """Run a shell script in a pty joined to "our" terminal.

    A person at that terminal types when the prompt is there.  Return what they see.
    """

    def sit_down() -> bytes:
        keyboard, ours = os.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
        seen, told = os.pipe()
        if os.fork() == 0:
            os.close(ours)
            os.write(told, be_the_person(keyboard, typed, prompt))
            os._exit(0)
        os.close(told)
        run_with_terminal(ours, script)
        return b"".join(iter(lambda: os.read(seen, 1 << 16), b""))

    return in_child(sit_down).decode()


def be_the_person(keyboard: int, typed: bytes, prompt: bytes) -> bytes:
    seen = b""
    while prompt not in seen:
        seen += os.read(keyboard, 1 << 16)
    os.write(keyboard, typed)
    with suppress(OSError):  # EIO: nobody has the other end open any more
        while True:
            seen += os.read(keyboard, 1 << 16)
    return seen


def run_with_terminal(ours: int, script: str) -> None:
    for fd in (0, 1):
        os.dup2(ours, fd)
    before = termios.tcgetattr(0)
    here, there = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        os.setsid()
        socket.send_fds(there, [b"!"], [terminal.make(owner=os.getuid())])
        os._exit(init.run_as_init(["sh", "-c", script]))
    with KeptBack() as kept:
        terminal.relay(socket.recv_fds(here, 1, maxfds=1)[1][0], pid, kept)
    os.waitpid(pid, 0)
    assert termios.tcgetattr(0) == before, "the terminal was not put back"
    for fd in (0, 1, ours):
        os.close(fd)


def test_what_is_typed_arrives_and_what_is_printed_is_seen() -> None:
    script = 'echo ready; read line; echo "<$line>"'

    assert "<hello>" in with_a_person(script, b"hello\n", prompt=b"ready")


def test_the_terminal_belongs_to_the_session_of_the_program() -> None:
    # A process without a controlling terminal cannot open /dev/tty.
    assert "mine" in with_a_person("echo mine > /dev/tty", b"")


def test_the_size_of_our_window_is_that_of_the_programs() -> None:
    assert "33 80" in with_a_person("stty size", b"", rows=33)


def test_ctrl_c_goes_to_the_program_not_to_us() -> None:
    script = 'trap "echo caught; exit" INT; echo ready; read line'

    assert "caught" in with_a_person(script, b"\x03", prompt=b"ready")


def test_ctrl_c_arrives_once_though_pid_1_hears_it_too() -> None:
    script = 'trap "n=x$n" INT; echo ready; sleep 0.3; read line; echo "<$n>"'

    assert "<x>" in with_a_person(script, b"\x03\n", prompt=b"ready")


def test_what_was_typed_ahead_is_not_lost() -> None:
    assert "<hello>" in with_a_person('sleep 0.1; read l; echo "<$l>"', b"hello\n")


def test_a_program_that_ends_at_once_loses_no_output() -> None:
    for _ in range(20):
        assert with_a_person("echo first; echo last", b"") == "first\r\nlast\r\n"


@pytest.mark.parametrize("size", [(40, 100), (10, 20)])
def test_a_window_that_changes_is_followed(size: tuple[int, int]) -> None:
    def change() -> None:
        """Do as the kernel does: signal first, and then have the new size."""
        os.kill(os.getpid(), signal.SIGWINCH)
        time.sleep(terminal.A_MOMENT / 5)
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))

    def resize() -> tuple[int, int]:
        _, ours = os.openpty()
        os.dup2(ours, 0)
        master, _slave = os.openpty()
        with terminal._SizeFollows(master):
            Thread(target=change).start()
            assert wait_until(lambda: os.get_terminal_size(master).lines == size[0])
            lines, columns = os.get_terminal_size(master)[::-1]
        return lines, columns

    assert in_child(resize) == size
