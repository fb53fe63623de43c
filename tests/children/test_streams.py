import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cfslib.children import streams
from cfslib.children.in_child import in_child
from cfslib.children.pipes import Finished, Pipes


def _caught(*programs: str) -> Finished:
    """Return what programs of a shell print into pipes, one after another."""

    def child() -> Finished:
        with Pipes() as pipes:
            pid = os.fork()
            if pid == 0:
                for fd, ours in enumerate(pipes.inside()):
                    os.dup2(ours, fd)
                os.execvp("sh", ["sh", "-c", *programs])
            pipes.read()
            return pipes.finished(os.waitpid(pid, 0)[1])

    return in_child(child)


def test_the_two_outputs_are_kept_apart() -> None:
    assert _caught("echo out; echo err >&2") == Finished(0, "out\n", "err\n")


def test_nothing_printed_is_nothing_caught() -> None:
    assert _caught("true") == Finished(0, "", "")


def test_one_output_may_fill_while_the_other_is_empty() -> None:
    done = _caught("head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero")

    assert (len(done.stdout), len(done.stderr)) == (300_000, 300_000)


def test_reading_goes_on_until_the_last_who_could_print_is_gone() -> None:
    assert _caught("(sleep 0.2; echo late) & echo early").stdout == "early\nlate\n"


def test_an_output_that_is_closed_early_is_no_harm() -> None:
    assert _caught("exec >&-; echo err >&2").stderr == "err\n"


def test_there_is_nothing_to_read_for_whoever_prints() -> None:
    assert _caught("cat; readlink /proc/self/fd/0").stdout == "/dev/null\n"


def test_what_is_no_text_is_shown_as_well_as_can_be() -> None:
    assert _caught("printf 'a\\377b'").stdout == "a�b"


def test_a_character_is_not_cut_in_two_between_reads() -> None:
    text = _caught("i=0; while [ $i -lt 9000 ]; do printf 'grüße '; i=$((i+1)); done")

    assert text.stdout == "grüße " * 9000


def test_pipes_leave_nothing_open() -> None:
    before = os.listdir("/proc/self/fd")
    with Pipes() as pipes:
        pipes.read()
    with pytest.raises(ZeroDivisionError), Pipes():
        raise ZeroDivisionError

    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("closed", [[], [0], [1], [2], [0, 1, 2]])
def test_closed_streams_are_opened_and_others_left_alone(closed: list[int]) -> None:
    def open_ones() -> list[str]:
        for fd in range(3):
            os.dup2(os.open("/dev/zero", os.O_RDWR), fd)
        os.closerange(3, 10)
        for fd in closed:
            os.close(fd)
        streams.have_all_three()
        links = [os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)]
        return [*links, str(Path("/proc/self/fd/3").exists())]

    def child() -> list[str]:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(writer, 20)
            found = open_ones()
            os.write(20, " ".join(found).encode())
            os._exit(0)
        os.close(writer)
        os.waitpid(pid, 0)
        with open(reader) as stream:
            return stream.read().split()

    expected = ["/dev/null" if fd in closed else "/dev/zero" for fd in range(3)]
    assert in_child(child) == [*expected, "False"]


def test_what_we_open_for_a_closed_stream_is_inherited_as_a_stream_is() -> None:
    program = (
        "import os; from cfslib.children import streams; streams.have_all_three();"
        "os.execvp('readlink', ['readlink', '/proc/self/fd/0'])"
    )
    command = 'exec "$@" <&-'
    words = ["sh", "-c", command, "sh", sys.executable, "-c", program]

    assert subprocess.check_output(words) == b"/dev/null\n"


def test_flushing_prints_what_is_held_back() -> None:
    program = "import os, sys; from cfslib.children import streams; print(1); "
    words = [sys.executable, "-c", program + "streams.flush(); os._exit(0)"]

    assert subprocess.check_output(words) == b"1\n"


def test_flushing_needs_no_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())

    streams.flush()
