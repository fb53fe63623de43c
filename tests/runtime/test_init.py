import errno
import os
import select
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.runtime import init
from cfslib.runtime.init import CannotExecute
from tests.conftest import PATIENCE, needs_namespaces, own_world, wait_until


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

    assert wait_until(lambda: (tmp_path / "code").exists())
    assert (tmp_path / "code").read_text() == f"{128 + signal.SIGPIPE}\n"


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


def test_what_waits_for_the_start_hears_of_it_only_then(tmp_path: Path) -> None:
    def start(command: str) -> list[str]:
        heard: list[str] = []
        init.run_as_init([command], started=lambda: heard.append("started"))
        return heard

    assert in_child(lambda: start("true")) == ["started"]
    with pytest.raises(CannotExecute):
        in_child(lambda: start("/no/such/command"))


def test_the_process_is_called_cfs() -> None:
    def name() -> str:
        init.run_as_init(["true"])
        return procfs.status()["Name"]

    assert in_child(name) == "cfs"


def test_the_command_has_the_new_environment_only() -> None:
    def run() -> int:
        init.take_environment({"PATH": os.environ["PATH"], "ONLY": "this"})
        return init.run_as_init(["sh", "-c", '[ "$ONLY" = this ] && [ -z "$HOME" ]'])

    assert in_child(run) == 0


def test_others_with_our_id_may_not_look_into_us() -> None:
    def owner() -> int:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        syscalls.prctl(syscalls.Prctl.SET_DUMPABLE, 1)
        init.take_environment({})
        return os.stat("/proc/self/mem").st_uid

    assert in_child(owner) == 0
