"""The janitor cleans up, whatever becomes of us."""

import os
import signal
from pathlib import Path

import pytest

from cfslib import procfs
from cfslib.cgroups import janitor
from cfslib.children import in_child
from tests.conftest import is_alive, wait_until


def test_it_cleans_up_at_the_end_of_the_block(tmp_path: Path) -> None:
    (tmp_path / "made").touch()

    def work() -> bool:
        with janitor.afterwards((tmp_path / "made").unlink):
            return (tmp_path / "made").exists()

    assert in_child(work) is True
    assert not (tmp_path / "made").exists()


def test_it_cleans_up_after_an_error(tmp_path: Path) -> None:
    (tmp_path / "made").touch()

    def fail() -> None:
        with janitor.afterwards((tmp_path / "made").unlink):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_child(fail)
    assert not (tmp_path / "made").exists()


def test_it_cleans_up_when_we_are_killed(tmp_path: Path) -> None:
    (tmp_path / "made").touch()

    def be_killed() -> None:
        with janitor.afterwards((tmp_path / "made").unlink):
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(be_killed)
    assert wait_until(lambda: not (tmp_path / "made").exists())


def test_it_cleans_up_even_if_a_child_of_ours_lives_on(tmp_path: Path) -> None:
    (tmp_path / "made").touch()

    def leave_a_child() -> None:
        with janitor.afterwards((tmp_path / "made").unlink):
            pid = os.fork()
            if pid == 0:
                signal.pause()
            (tmp_path / "pid").write_text(str(pid))
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(leave_a_child)
    cleaned = wait_until(lambda: not (tmp_path / "made").exists())
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    assert cleaned


def test_we_clean_up_when_the_janitor_is_killed(tmp_path: Path) -> None:
    (tmp_path / "made").touch()

    def kill_it() -> None:
        with janitor.afterwards((tmp_path / "made").unlink):
            os.kill(only_child(), signal.SIGKILL)

    in_child(kill_it)

    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_heeds_no_signal(number: signal.Signals, tmp_path: Path) -> None:
    def tell_it() -> bool:
        with janitor.afterwards(lambda: None):
            pid = only_child()
            wait_until(lambda: procfs.status(pid)["Name"] == "cfs-janitor")
            os.kill(pid, number)
            return is_alive(pid)

    assert in_child(tell_it)


def test_it_keeps_nothing_of_ours_open() -> None:
    def descriptors() -> int:
        with janitor.afterwards(lambda: None):
            fds = f"/proc/{only_child()}/fd"
            wait_until(lambda: len(os.listdir(fds)) == 2)
            return len(os.listdir(fds))

    assert in_child(descriptors) == 2  # a pipe, and what tells of our end


def only_child() -> int:
    us = os.getpid()
    children = Path(f"/proc/{us}/task/{us}/children").read_text().split()
    return int(children[0])
