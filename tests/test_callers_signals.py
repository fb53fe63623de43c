"""Whatever the caller does with signals, children and containers are the same.

And whatever they are, what the caller does with signals goes on to work.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SLOWNESS, needs_namespaces

pytestmark = [needs_namespaces, pytest.mark.alike]

# The signals 32 and 33: its posix_spawn leaves them ignored.
OF_THE_C_LIBRARY = 3 << 31
CFS = str(Path(sys.executable).with_name("cfs"))
BEGIN = """
import asyncio, os, random, signal, subprocess, sys, threading, time
from cfslib.children.in_child import in_child
from cfslib.kernel import procfs
from cfslib.runtime.run import capture, run
from cfslib.runtime.spec import Spec

if sys.argv[1] == "threads":
    threading.Thread(target=time.sleep, args=[99], daemon=True).start()

def reap(*_):
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        reaped.append(os.waitstatus_to_exitcode(status))

reaped = []
"""
TRY = """
print(in_child(lambda: 42), in_child(lambda: in_child(lambda: 43)))
try:
    in_child(lambda: os._exit(7))
except ChildProcessError as error:
    print(error)
print(capture(Spec(["sh", "-c", "echo out; exit 3"])).code)
print(run(Spec(["sh", "-c", "exit 4"])))
"""
TRIED = "42 43\nthe child ended without an answer: exit status 7\n3\n4\n"
DONE_WITH_SIGNALS = {
    "nothing": "",
    "the end of children ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "the end of children blocked": "signal.pthread_sigmask(0, [signal.SIGCHLD])",
    "the end of children handled": "signal.signal(signal.SIGCHLD, reap)",
    "all ignored": """
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)""",
    "all blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
}


@pytest.fixture(params=["one thread", "threads"])
def threads(request: pytest.FixtureRequest) -> str:
    """Run a test in a program with one thread, and again in one with two."""
    return str(request.param)


def output(threads: str, program: str) -> str:
    """Return what a program prints, after it went well."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program, threads],
        capture_output=True,
        text=True,
        timeout=60 * SLOWNESS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("what", DONE_WITH_SIGNALS)
def test_a_program_has_its_children_and_containers(what: str, threads: str) -> None:
    assert output(threads, DONE_WITH_SIGNALS[what] + TRY) == TRIED


def test_a_handler_for_the_end_of_children_sees_its_own_and_only_those(
    threads: str,
) -> None:
    program = """
in_child(lambda: None), capture(Spec(["true"]))  # may start helpers
signal.signal(signal.SIGCHLD, reap)
subprocess.Popen(["sh", "-c", "sleep 0.2; exit 5"])
capture(Spec(["sleep", "0.5"]))
in_child(lambda: time.sleep(0.1))
print(reaped)
"""
    assert output(threads, program) == "[5]\n"


def test_children_of_asyncio_are_waited_for(threads: str) -> None:
    program = """
async def main():
    process = await asyncio.create_subprocess_exec("sh", "-c", "sleep 0.2; exit 5")
    print(capture(Spec(["sh", "-c", "sleep 0.4; exit 3"])).code, in_child(lambda: 42))
    print(await process.wait())

asyncio.run(main())
"""
    assert output(threads, program) == "3 42\n5\n"


INTERRUPTED = """
class Enough(TimeoutError):  # an OSError, as it often is
    pass

def enough(*_):
    raise Enough

def left():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        children = file.read().split()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    handlers = [signal.getsignal(number) for number in (1, 2, 14, 15)]
    return len(os.listdir("/proc/self/fd")), len(children), groups(), mask, handlers

def groups():
    # Of us and our helper; it has one in each hierarchy for what it makes ahead.
    from cfslib.runtime import client
    makers = tuple(f"cfs-{pid}-" for pid in (os.getpid(), client.server.pid))
    found = {
        name
        for mount in procfs.mounts()
        if mount.fstype in ("cgroup", "cgroup2")
        for _, names, _ in os.walk(mount.target)
        for name in names
        if name.startswith(makers)
    }
    return max(1, len(found))

def interrupt(times, longest):
    raised = 0
    for _ in range(times):
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, longest))
            try:
                tried()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except Enough:
            raised += 1
    return raised

signal.signal(signal.SIGALRM, enough)
tried()
tried()
start = time.monotonic()
tried()
took = time.monotonic() - start
before = left()
raised = interrupt(200, took)
tried()
time.sleep(0.2)  # a server ends what nobody waits for a moment later
print(left() == before or (left(), before), raised > 20 or raised)
"""
TRIALS = {
    "a child": "in_child(lambda: None)",
    "a child that waits": "in_child(lambda: time.sleep(0.005))",
    "a container": 'capture(Spec(["true"]))',
    "a container that prints": 'run(Spec(["true"]))',
}


@pytest.mark.parametrize("what", TRIALS)
def test_a_handler_that_raises_leaves_nothing_behind(what: str, threads: str) -> None:
    program = f"def tried():\n    {TRIALS[what]}\n{INTERRUPTED}"

    assert output(threads, program) == "True True\n"


def test_a_handler_is_called_in_the_midst_of_a_container(threads: str) -> None:
    program = """
called = []
signal.signal(signal.SIGALRM, lambda *_: called.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
codes = {capture(Spec(["sh", "-c", "sleep 0.05; exit 3"])).code for _ in range(20)}
signal.setitimer(signal.ITIMER_REAL, 0)
print(codes, len(called) > 100 or len(called))
"""
    assert output(threads, program) == "{3} True\n"


@pytest.mark.parametrize("kind", ["ignore", "block"])
@pytest.mark.parametrize("signals", ["CHLD", "", "TERM", "ALRM,WINCH,PIPE"])
def test_a_command_starts_as_always(kind: str, signals: str) -> None:
    option = f"--{kind}-signal" + (f"={signals}" if signals else "")
    show = 'grep -E "^Sig(Blk|Ign)" /proc/self/status; exit 3'
    words = ["env", option, CFS, "run", "sh", "-c", show]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    _, blocked, _, ignored = done.stdout.split()

    assert int(blocked, 16) == int(ignored, 16) & ~OF_THE_C_LIBRARY == 0
    assert done.returncode == 3


@pytest.mark.parametrize("command", ["doctor", "rootfs build root sh"])
def test_other_commands_work_too(command: str, tmp_path: Path) -> None:
    results = []
    for name, before in ("usual", []), ("odd", ["env", "--ignore-signal=CHLD"]):
        place = tmp_path / name
        place.mkdir()
        words = [*before, CFS, *command.split()]
        done = subprocess.run(words, cwd=place, capture_output=True, timeout=60)
        results.append((done.returncode, done.stdout, done.stderr))

    assert results[0] == results[1]


def test_what_nohup_starts_outlives_a_hangup() -> None:
    words = ["nohup", CFS, "run", "sh", "-c", "echo up; sleep 0.5; echo still here"]
    with subprocess.Popen(words, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        os.kill(process.pid, signal.SIGHUP)

        assert process.stdout.read() == "still here\n"
    assert process.returncode == 0
