"""A terminal that not all three streams are, or that others are in front of.

The container never gets it: who holds a terminal can read what is typed, and type.
"""

import re
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pexpect
import pytest

from tests.conftest import ROOT, needs_namespaces, wait_until
from tests.runtime.test_terminal_session import Person, session

pytestmark = needs_namespaces

CFS = f"'{Path(sys.executable).with_name('cfs')}' run"
# Say which descriptors of PID 1, as far as we may see them, and of ours are a terminal.
LOOK = """
for process in $$ $looked_at; do
    for fd in 0 1 2; do
        case $(readlink /proc/$process/fd/$fd) in
            *pts* | *tty* | *console*) echo "a terminal: $fd of $process" >&3 ;;
        esac
    done
done
if true < /dev/tty; then echo "a terminal: /dev/tty" >&3; fi 2>/dev/null
echo looked >&3
""".replace("looked_at", "looked_at" if ROOT else "nobody")
HALVES = [
    "cfs | cat",
    "cfs 2>err.log",
    "cfs <file",
    "cfs >out.log",
    "echo x | cfs",
    "echo x | cfs 2>err.log | cat",
    "cfs -i | cat",
    "cfs -i 2>err.log",
    "(setsid -w cfs)",
    "cfs & wait",
    "cfs -i </dev/tty | cat",
]


def at_a_terminal(script: str) -> AbstractContextManager[Person]:
    """Start a shell script in which `cfs` is ours."""
    return session(script=re.sub(r"(?<![\w/])cfs(?!\w)", CFS, script))


def seen(script: str, typed: str = "", prompt: str = "", end: bool = False) -> str:
    """Run a shell script at a terminal, type something, return what is seen."""
    with at_a_terminal(script) as person:
        if prompt:
            person.expect_exact(prompt)
            person.send(typed)
            if end:
                person.sendeof()
        person.expect(pexpect.EOF)
        person.wait()
        return str(person.before).replace("\r\n", "\n")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("in a file\n")
    Path("mnt").mkdir(mode=0o777)


@pytest.mark.parametrize("line", HALVES)
def test_a_container_has_no_terminal_of_ours(line: str) -> None:
    options = "--cap-add SYS_PTRACE --volume ./mnt:/mnt -e looked_at=1"
    words = f"{options} sh -c 'exec 3>/mnt/seen; {LOOK}'"
    start, _, rest = line.partition("cfs")
    interactive = "-i " if rest.startswith(" -i") else ""
    seen(f"{start}cfs {interactive}{words} {rest.removeprefix(' -i')}")

    assert Path("mnt/seen").read_text() == "looked\n"


def test_errors_in_a_file_are_in_the_file() -> None:
    assert seen("cfs sh -c 'echo out; echo err >&2' 2>err.log") == "out\n"
    assert Path("err.log").read_text() == "err\n"


def test_output_in_a_file_is_in_the_file() -> None:
    assert seen("cfs sh -c 'echo out; echo err >&2' >out.log") == "err\n"
    assert Path("out.log").read_text() == "out\n"


def test_a_pipe_and_a_file_are_read_without_an_option() -> None:
    assert seen("cfs cat <file; echo in a pipe | cfs cat") == "in a file\nin a pipe\n"


def test_two_outputs_at_one_terminal_keep_their_order() -> None:
    lines = "for i in 1 2 3 4 5; do echo $i; echo e$i >&2; done"
    wanted = "".join(f"{i}\ne{i}\n" for i in range(1, 6))

    assert seen(f"cfs sh -c '{lines}' </dev/null") == wanted


def test_nothing_is_typed_into_what_is_not_interactive() -> None:
    assert seen("cfs sh -c 'cat; echo ended' | cat") == "ended\n"


def test_what_is_typed_goes_to_what_is_interactive() -> None:
    script = "cfs -i sh -c 'echo ready; read line; echo \"<$line>\"; cat' 2>err.log"

    assert "<hello>" in seen(script, "hello\n", prompt="ready\r\n", end=True)


def test_an_interactive_one_need_not_read() -> None:
    script = "cfs -i sh -c 'exec <&-; echo ready; sleep 0.3; echo done' | cat"

    assert seen(script, "hello\n", prompt="ready\r\n").endswith("done\n")


def test_in_the_background_it_is_not_stopped() -> None:
    script = "set -m; cfs sh -c 'echo it; echo ran' & wait $!; echo code $?"

    assert "it\nran\ncode 0\n" in seen(script)


def test_all_that_is_printed_arrives() -> None:
    numbers = seen("cfs seq 100000 </dev/null").split()

    assert numbers == [str(number) for number in range(1, 100001)]


@pytest.mark.parametrize("options", ["", "-i"])
def test_ctrl_c_ends_it(options: str) -> None:
    script = f"cfs {options} sh -c 'echo up; exec sleep 60' 2>err.log; echo code $?"

    assert "code 130" in seen(f"trap : INT; {script}", "\x03", prompt="up\r\n")


NONBLOCKING = f"'{sys.executable}' -c 'import os; os.set_blocking(0, False)'"


@pytest.mark.parametrize("rest", ["", "</dev/null", "2>err.log"])
def test_a_terminal_that_does_not_block_is_no_harm(rest: str) -> None:
    numbers = seen(f"{NONBLOCKING}; cfs seq 30000 {rest}").split()

    assert numbers == [str(number) for number in range(1, 30001)]


def test_more_may_be_pasted_than_is_read_while_it_prints() -> None:
    script = "cfs sh -c 'stty -echo; echo ready; seq 20000; head -c 30000 | wc -c'"
    with at_a_terminal(script) as person:
        person.expect_exact("ready\r\n")
        for _ in range(300):
            person.send("y" * 99 + "\n")  # and see nothing of what it prints meanwhile
        person.expect_exact("20000\r\n")
        person.expect_exact("30000\r\n")


MANY_FILES = """
import os, resource, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
for _ in range(1100):
    os.set_inheritable(os.open("/dev/null", os.O_RDONLY), True)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("rest", ["", "</dev/null", "2>err.log"])
def test_many_open_files_are_no_harm(rest: str) -> None:
    words = f"'{sys.executable}' -c '{MANY_FILES}' cfs echo well {rest}"

    assert seen(words) == "well\n"


LIBRARY = """
from cfslib.runtime.run import run
from cfslib.runtime.spec import Spec
print(run(Spec(["sh", "-c", "for fd in 0 1 2; do test ! -t $fd || echo $fd; done"])))
"""


def test_a_program_gives_no_terminal_either() -> None:
    assert seen(f"'{sys.executable}' -c '{LIBRARY}'") == "0\n"


def test_no_descriptor_stays_open_after_a_terminal() -> None:
    program = """
import os
from cfslib.runtime.run import run
from cfslib.runtime.spec import Spec
for terminal in False, True:
    spec = Spec(["true"], terminal=terminal)
    run(spec)
    before = os.listdir("/proc/self/fd")
    run(spec)
    print(os.listdir("/proc/self/fd") == before)
"""
    assert seen(f"'{sys.executable}' -c '{program}'") == "True\nTrue\n"


def test_a_terminal_that_was_hung_up_is_no_error() -> None:
    """Who ignores the hangup goes on, though nobody sees what it prints any more."""
    program = "echo up; sleep 0.5; seq 20000; echo > /mnt/done"
    script = f"trap '' HUP; cfs -v ./mnt:/mnt sh -c '{program}' </dev/null"
    with at_a_terminal(script) as person:
        person.expect_exact("up\r\n")
        person.ptyproc.fileobj.close()

        assert wait_until(Path("mnt/done").exists)
