import errno
import gc
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime import init
from cfslib.runtime.channel import Channel
from cfslib.runtime.errors import CannotExecute
from tests.conftest import (
    PATIENCE,
    is_alive,
    needs_namespaces,
    own_world,
    soon_reads,
    wait_until,
)


def shell(script: str) -> int:
    """Run a script under our init, in a child; return its exit code."""
    return in_child(lambda: init.run_as_init(["sh", "-c", script]))


def as_pid_1(script: str) -> int:
    """Do the same with our init as the first process of a PID namespace."""

    def outside() -> int:
        own_world(Namespace.PID)
        return shell(script)

    return in_child(outside)


@pytest.mark.parametrize("code", [0, 1, 7, 127, 255])
def test_the_commands_exit_code_is_ours(code: int) -> None:
    assert shell(f"exit {code}") == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_command_that_a_signal_ended_is_128_and_its_number(
    number: signal.Signals,
) -> None:
    assert shell(f"ulimit -c 0; kill -{number.value} $$") == 128 + number


@needs_namespaces
def test_the_command_is_the_second_process() -> None:
    assert as_pid_1("exit $(($$ * 10 + $PPID))") == 21


@needs_namespaces
def test_orphans_are_reaped() -> None:
    # The shell between us and `true` ends first.  A zombie would still be there.
    script = "(true & echo $! >&3) 3>&1 >/dev/null | { read p; sleep 0.2; kill -0 $p; }"

    assert as_pid_1(f"{script} 2>/dev/null") == 1


@needs_namespaces
def test_what_the_command_leaves_ends_with_it() -> None:
    def outside() -> bytes:
        own_world(Namespace.PID)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.set_inheritable(writer, True)  # for `sleep`, which would hold it open
            os._exit(init.run_as_init(["sh", "-c", "sleep 60 &"]))
        os.close(writer)
        os.waitpid(pid, 0)
        assert select.select([reader], [], [], PATIENCE)[0], "something lives on"
        return os.read(reader, 1)

    assert in_child(outside) == b""


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1]
)
def test_signals_are_passed_on_to_the_command(
    number: signal.Signals, tmp_path: Path
) -> None:
    wait = "while :; do sleep 0.01; done"
    script = f"trap 'exit 42' {number.value}; : > {tmp_path}/up; {wait}"

    def outside() -> int:
        pid = os.fork()
        if pid == 0:
            os._exit(init.run_as_init(["sh", "-c", script]))
        wait_until((tmp_path / "up").exists)
        os.kill(pid, number)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert in_child(outside) == 42


def signals_of_a_program(field: str) -> set[int]:
    def run() -> str:
        reader, writer = os.pipe()
        os.dup2(writer, 1)
        os.close(writer)
        init.run_as_init(["cat", "/proc/self/status"])
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        with open(reader) as pipe:
            return pipe.read()

    mask = int(procfs.parse_status(in_child(run))[field], 16)
    # Not those between them: the C library keeps two for itself.
    return {number for number in signal.valid_signals() if mask >> number - 1 & 1}


@pytest.mark.parametrize("field", ["SigIgn", "SigBlk"])
def test_the_command_starts_with_signals_as_they_should_be(field: str) -> None:
    assert signals_of_a_program(field) == set()


def test_a_broken_pipe_ends_a_program_as_it_should(tmp_path: Path) -> None:
    shell(f"{{ yes; echo $? > {tmp_path}/code; }} 2>&1 | head -n 1 >/dev/null")

    assert soon_reads(tmp_path / "code", f"{128 + signal.SIGPIPE}\n")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, errno.ENOENT),
        (lambda path: path.touch(0o644), errno.EACCES),
        (lambda path: path.mkdir(), errno.EACCES),
        (
            lambda path: path.write_text("#!/no/such\n") and path.chmod(0o755),
            errno.ENOENT,
        ),
    ],
    ids=["missing", "no-program", "directory", "no-interpreter"],
)
def test_a_command_that_cannot_start_is_an_error_with_a_hint(
    make: Callable[[Path], object], code: int, tmp_path: Path
) -> None:
    make(tmp_path / "command")

    with pytest.raises(CannotExecute, match="command") as caught:
        in_child(lambda: init.run_as_init([str(tmp_path / "command")]))
    assert caught.value.errno == code
    assert caught.value.__notes__[0].startswith("Hint: ")


@pytest.mark.parametrize(
    ("command", "all_told"), [("true", ["starts", "runs"]), ("/no/such", ["starts"])]
)
def test_its_start_is_told_before_and_after(command: str, all_told: list[str]) -> None:
    def start() -> list[str]:
        told: list[str] = []
        with suppress(CannotExecute):
            init.run_as_init(
                [command],
                starts=lambda: told.append("starts"),
                runs=lambda: told.append("runs"),
            )
        return told

    assert in_child(start) == all_told


def test_that_it_starts_is_told_before_it_can_have_done_anything(
    tmp_path: Path,
) -> None:
    def start() -> bool:
        there: list[bool] = []
        mark = tmp_path / "mark"
        init.run_as_init(
            ["touch", str(mark)], starts=lambda: there.append(mark.exists())
        )
        return there == [False] and mark.exists()

    assert in_child(start)


def test_the_process_is_called_cfs() -> None:
    def name() -> str:
        init.run_as_init(["true"])
        return procfs.status()["Name"]

    assert in_child(name) == "cfs"


def test_the_command_has_the_new_environment_only() -> None:
    def run() -> int:
        words = ["sh", "-c", '[ "$ONLY" = this ] && [ -z "$HOME" ]']
        return init.run_as_init(words, {"PATH": os.environ["PATH"], "ONLY": "this"})

    assert in_child(run) == 0


def test_without_one_it_has_ours_with_what_was_changed_in_it() -> None:
    def run() -> int:
        os.environ["NEW"] = "yes"
        return init.run_as_init(["sh", "-c", '[ "$NEW" = yes ] && [ -n "$PATH" ]'])

    assert in_child(run) == 0


# What PID 1 does to the process that it was a moment before.


def test_others_with_our_id_may_not_look_into_us() -> None:
    def owner() -> int:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        syscalls.prctl(Prctl.SET_DUMPABLE, 1)
        init.let_nobody_look_into_us()
        return os.stat("/proc/self/mem").st_uid

    assert in_child(owner) == 0


def test_what_we_knew_of_the_host_is_forgotten() -> None:
    def forget() -> tuple[bytes, bytes]:
        with (
            open("/proc/self/cmdline", "rb") as line,
            open("/proc/self/environ", "rb") as environ,
        ):
            init.forget_the_host()
            return line.read(), environ.read()

    line, environ = in_child(forget)

    assert line.strip(b"\0") == b"cfs"
    assert environ.strip(b"\0") == b""


def test_a_clone_finds_its_arguments_where_its_maker_has_them() -> None:
    init.arguments()

    assert in_child(init.arguments) == init.arguments()


@pytest.mark.filterwarnings("ignore:sys.meta_path is empty")
def test_no_module_is_found_any_more() -> None:
    def tries() -> str:
        init.import_nothing_more()
        try:
            import_module("this")
        except ModuleNotFoundError as error:
            return str(error)
        return "found"

    assert in_child(tries) == "No module named 'this'"


def test_nothing_that_ties_us_to_the_maker_stays(tmp_path: Path) -> None:
    def story(channel: Channel) -> Callable[[], int]:
        def tell() -> int:
            os.umask(0o077)
            init.let_go_of_the_maker(channel)
            # The last is the one that the directory is read with.
            open_ones = sorted(map(int, os.listdir("/proc/self/fd")))[:-1]
            (tmp_path / "told").write_text(f"{open_ones} {os.getsid(0) == os.getpid()}")
            channel.wait()  # by its new number
            channel.say_runs(None)
            return os.umask(0)

        return tell

    def outside() -> int:
        with open("/dev/null") as _, open("/dev/zero") as _, Channel(False) as channel:
            pid = os.fork()
            if pid == 0:
                channel.live(story(channel))
            channel.say()
            channel.hear()
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert in_child(outside) == 0o022
    assert (tmp_path / "told").read_text() == f"[0, 1, 2, {init.CHANNEL}] True"


def test_memory_of_the_maker_stays_shared() -> None:
    def copied() -> int:
        """Return how many MB of the maker's memory were copied for PID 1."""
        gc.disable()
        heap = [[number] for number in range(400_000)]
        with Channel(False) as channel:
            pid = os.fork()
            if pid == 0:
                gc.enable()  # a collection is due, and would look at all of that
                init.let_go_of_the_maker(channel)
                assert [[number] for number in range(2000)]
                rollup = Path("/proc/self/smaps_rollup").read_text()
                dirty = rollup.partition("Private_Dirty:")[2].split()[0]
                os._exit(int(dirty) >> 10)
            assert heap
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert in_child(copied) < 10


def test_reap_yields_all_that_has_ended_and_does_not_wait() -> None:
    def reap() -> tuple[int, int]:
        living = subprocess.Popen(["sleep", "60"])
        dead = [subprocess.Popen(["true"]).pid for _ in range(3)]
        wait_until(lambda: not any(map(is_alive, dead)))
        started = time.monotonic()
        found = {pid for pid, _ in init.reap()}
        took = time.monotonic() - started
        living.kill()
        living.wait()
        return len(found & set(dead)), round(took)

    assert in_child(reap) == (3, 0)
    assert in_child(lambda: list(init.reap())) == []
