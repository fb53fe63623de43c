"""What our caller has closed is /dev/null inside, whatever starts the container.

If it stayed closed, the next file that we open would have its number, and the command
would inherit that: the directory of the host that the rootfs lies in, for one.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, needs_namespaces

pytestmark = needs_namespaces

CLOSED = {"<&-": "0", ">&-": "1", "2>&-": "2", "<&- >&- 2>&-": "0 1 2"}
# Fail unless PID 1 and the shell have three descriptors, and nothing for those closed.
# PID 1 closes its channel a moment after the command has started.
LOOK = """
n=0
while set -- /proc/1/fd/*; [ $# -gt 3 ] && [ $n -lt 9999 ]; do n=$((n + 1)); done
wrong=0
for process in $looked_at; do
    for fd in $closed; do
        case $(readlink /proc/$process/fd/$fd) in
            /dev/null | $or) ;; *) wrong=$((wrong + 1)) ;;
        esac
    done
    for fd in /proc/$process/fd/*; do
        [ -e $fd ] || continue  # by which the shell has read this very list
        case ${fd##*/} in 0 | 1 | 2) ;; *) wrong=$((wrong + 10)) ;; esac
    done
done
exit $wrong
"""
PROGRAM = """
import sys, threading, time
from cfslib.runtime.run import run
from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.runtime.spec import Spec

spec = Spec(["sh", "-c", sys.argv[1]], capabilities=DEFAULT | {Capability.SYS_PTRACE})
if sys.argv[2] == "threads":
    threading.Thread(target=time.sleep, args=[60], daemon=True).start()
codes = []
for _ in range(3):
    codes.append(run(spec))
    time.sleep(0.1)  # then one is made ahead, where that is done
sys.exit(codes != [0, 0, 0])
"""


@pytest.fixture(params=CLOSED)
def closed(request: pytest.FixtureRequest) -> str:
    """Return what a shell takes to close some of the standard streams."""
    return str(request.param)


def look(closed: str, or_else: str = "/dev/null") -> str:
    """Return what the shell inside is to do."""
    # The shell that looks has its script from the words of its command, so it has no
    # other descriptor.  Who is not root of the machine may not look into PID 1.
    looked_at = "1 $$" if ROOT else "$$"
    return f'closed="{CLOSED[closed]}"; looked_at="{looked_at}"; or="{or_else}"; {LOOK}'


def exit_code(closed: str, *words: object) -> int:
    """Run a program that has some of its standard streams closed."""
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *map(str, words)]
    return subprocess.run(shell, stdin=subprocess.PIPE, timeout=60).returncode


def test_a_command(closed: str) -> None:
    cfs = Path(sys.executable).with_name("cfs")
    words = [cfs, "run", "--cap-add", "SYS_PTRACE", "sh", "-c", look(closed)]

    assert [exit_code(closed, *words) for _ in range(2)] == [0, 0]


@pytest.mark.parametrize("threads", ["one thread", "threads"])
def test_a_program(closed: str, threads: str) -> None:
    # What a program with threads prints goes to it first, by a pipe.
    also = "pipe:*" if threads == "threads" else "/dev/null"
    words = [sys.executable, "-c", PROGRAM, look(closed, also), threads]

    assert exit_code(closed, *words) == 0
