"""filtered: what becomes of a program if a filter answers some of its calls.

A program that may not even end does not end well:

    >>> tried(["true"], allowed=[]).code == 0
    False
"""

import resource
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cfslib.children.in_child import in_child
from cfslib.isolation.seccomp import bpf, calls, compiler, profile
from cfslib.isolation.seccomp.bpf import Instruction, ret
from cfslib.isolation.seccomp.data import Action
from cfslib.isolation.seccomp.notify import Waiting
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl, Seccomp
from cfslib.observe.supervisor import supervise

T = TypeVar("T")

PATIENCE = 2  # seconds for a program that waits in vain for what it was refused


@dataclass(frozen=True)
class Run:
    """How a program went.  Two runs are equal if nobody would notice a difference."""

    code: int  # below 0: the number of the signal that ended it
    printed: str
    timed_out: bool = False


@dataclass(frozen=True)
class Observed:
    """How a program went without a filter, and which calls it made, how often."""

    run: Run
    calls: Counter[str]  # in the order of the first of each


def load(program: Sequence[Instruction]) -> None:
    """Have a filter asked about each call of this process from now on."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # SIGSYS writes memory to a file
    syscalls.prctl(Prctl.SET_NO_NEW_PRIVS, 1)
    syscalls.seccomp(Seccomp.SET_MODE_FILTER, 0, bpf.pack(program))


def under(program: Sequence[Instruction], func: Callable[[], T]) -> T:
    """Call a function under a filter, from which this process is never free again.

    It may refuse the call by which a process ends.
    """
    # SIGSEGV is what the C library makes of that.
    for number in (signal.SIGSEGV, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(PATIENCE)
    load(program)
    return func()


def observed(argv: Sequence[str]) -> Observed:
    """Run a program, and be told of every call that it makes."""
    return in_child(lambda: _observed(argv))


def _observed(argv: Sequence[str]) -> Observed:
    every: list[Waiting] = []
    run = supervise([ret(Action.USER_NOTIF)], lambda: _run(argv), every.append)
    names = {number: name for name, number in calls.numbers(calls.machine()).items()}
    launcher = every[0].pid
    numbers = [call.data.nr for call in every if call.pid != launcher]
    made = [names.get(number, str(number)) for number in numbers]
    return Observed(run, Counter(made[made.index("execve") :]))


def tried(argv: Sequence[str], allowed: Collection[str]) -> Run:
    """Run a program under a filter that refuses all calls but these."""
    program = allowing(allowed)
    return in_child(lambda: _run(argv, program))


def smallest(argv: Sequence[str], made: Collection[str]) -> list[str]:
    """Return the calls without which a program would not do what it does.

    One call after the other is refused, the last one first.  What nobody misses stays
    refused.
    """
    return in_child(lambda: _smallest(argv, made))


def _smallest(argv: Sequence[str], made: Collection[str]) -> list[str]:
    whole = _run(argv)
    needed = list(made)
    for name in list(made)[::-1]:
        fewer = [other for other in needed if other != name]
        if name != "execve" and _run(argv, allowing(fewer)) == whole:
            needed = fewer
    return needed


def profile_of(allowed: Collection[str]) -> dict[str, object]:
    """Return a profile, in the format of Docker and Podman, that allows these calls."""
    # It starts under the filter, and so with this call.
    names = sorted({"execve", *allowed})
    rule = {"names": names, "action": "SCMP_ACT_ALLOW"}
    return {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule]}


def allowing(allowed: Collection[str]) -> list[Instruction]:
    """Return the filter for such a profile."""
    return compiler.compiled(profile.read(profile_of(allowed)))


def _run(argv: Sequence[str], program: Sequence[Instruction] = ()) -> Run:
    """Run a program to its end, maybe under a filter."""
    path = shutil.which(argv[0]) or argv[0]
    try:
        done = subprocess.run(
            [path, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            close_fds=False,  # calls of ours, which the filter could refuse
            preexec_fn=(lambda: load(program)) if program else None,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired as late:
        return Run(-9, (late.stdout or b"").decode(errors="replace"), True)
    return Run(done.returncode, done.stdout.decode(errors="replace"))
