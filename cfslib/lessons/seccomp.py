"""The checks of 11-seccomp.

Filters and supervisors are tried in children, which have them to their end.  What is
killed there is a child's own child.
"""

import ctypes
import errno
import inspect
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cfslib.children.in_child import in_child
from cfslib.isolation.seccomp import bpf, calls, compiler, machine, profile
from cfslib.isolation.seccomp.bpf import Instruction, jeq, ld, ret
from cfslib.isolation.seccomp.data import NR, Action, Arch, SeccompData, our_arch
from cfslib.isolation.seccomp.notify import Waiting
from cfslib.lessons import Point, exercise, guard
from cfslib.lessons.guard import Stumbled, TimeIsUp, in_time, stumbled
from cfslib.observe.filtered import under
from cfslib.observe.supervisor import supervise

Filter = Sequence[Instruction | str]
TIMES = 3  # that each call may be made
PATIENCE = 5  # seconds that a child waits for a signal
SIGNALS = (0, signal.SIGCONT, signal.SIGTERM)
DOOR = 1 << 32  # a number in which the lower half is 0
OTHER_ARCH = 2  # AUDIT_ARCH_SPARC: one that no list of ours has


def number(name: str) -> int:
    """Return the number of a call on this machine."""
    return calls.numbers(calls.machine())[name]


@exercise("11-seccomp", 1)
def check_no_kill(no_kill: Callable[[], Filter]) -> list[Point]:
    """Look if `no_kill()` is a filter that refuses SIGKILL, and nothing else."""
    program = no_kill()
    wrong = _what_is_wrong(program)
    taken = Point("the kernel takes it as a filter", not wrong, wrong)
    return [taken] if wrong else [taken, *in_child(lambda: _tried(program))]


def _what_is_wrong(program: object) -> str:
    """Return why the kernel would refuse a filter; nothing if it does not."""
    if not isinstance(program, list):
        return f"It returns {type(program).__name__}.  Return a list of instructions."
    for line in program:
        if not isinstance(line, (Instruction, str)):
            return f"{line!r:.40} is no instruction: use ld, jeq, ret and so on."
        if isinstance(line, Instruction) and not isinstance(line.k, int):
            return f"{line.k!r:.40} is no number: a call has one in `numbers`."
    try:
        machine.check(program)
        in_child(lambda: under(bpf.assemble(program), _nothing))
    except ChildProcessError:
        return ""  # the kernel has taken it, and it lets nobody live
    except (ValueError, OSError, OverflowError) as error:
        return f"{error}"
    return ""


def _tried(program: Filter) -> list[Point]:
    others = [
        sig
        for sig in set(range(signal.NSIG)) - {signal.SIGKILL}
        if not _is_made(program, number("kill"), [1, sig])
        or (sig in SIGNALS and not _reaches(program, sig))
    ]
    refused = _refused(program, but="kill")
    elsewhere = {*Arch, OTHER_ARCH} - {our_arch()}
    foreign = [arch for arch in elsewhere if _lets(program, arch)]
    return [
        Point(
            "SIGKILL is refused, with EPERM",
            _errno(program, signal.SIGKILL) == errno.EPERM,
            _the_signal(program),
        ),
        Point(
            "other signals arrive",
            not others,
            "Which signal it is, the second argument says: `ld(args(1))`.",
        ),
        Point(
            "so do all other calls",
            not refused,
            f"{', '.join(refused[:3])} would be refused: the last instruction of most "
            "filters by hand is `ret(Action.ALLOW)`.",
        ),
        Point(
            "a number of 64 bits that means SIGKILL is refused, too",
            _errno(program, DOOR + signal.SIGKILL) == errno.EPERM,
            "The kernel looks at the lower half of the signal only; do so, too.",
        ),
        Point(
            "calls for another processor do not get through",
            not foreign,
            "A number means another call there.  First `ld(ARCH)`: is it `our_arch()`?",
        ),
    ]


def _the_signal(program: Filter) -> str:
    said = _says(program, number("kill"), [1, signal.SIGKILL])
    if said == Action.ALLOW:
        return "It is allowed.  Go through it with your finger: which way does it take?"
    if said == Action.ERRNO | errno.EPERM:
        return "It is, and so is too much else.  The process needs its other calls."
    return f"The answer is {said}.  `Action.ERRNO | errno.EPERM` is what is wanted."


def _refused(program: Filter, but: str) -> list[str]:
    """Return the calls, other than one, that a filter does not let through."""
    names = calls.numbers(calls.machine()).items()
    tried = [(name, nr, values) for name, nr in names for values in ((1, 9), (2, 0))]
    refused = [name for name, nr, each in tried if not _is_made(program, nr, each)]
    return [name for name in dict.fromkeys(refused) if name != but]


def _is_made(program: Filter, nr: int, values: Sequence[int]) -> bool:
    return _says(program, nr, values).kind in (Action.ALLOW, Action.LOG)


def _says(program: Filter, nr: int, values: Sequence[int]) -> Action:
    return machine.run(bpf.assemble(program), SeccompData(nr, values))


def _lets(program: Filter, arch: int) -> bool:
    """Say if a call of another set of calls would be made."""
    data = SeccompData(number("kill"), [1, signal.SIGKILL], arch)
    others = [data, data.changed(args=[1, 0]), data.changed(nr=1)]
    answers = {machine.run(bpf.assemble(program), other).kind for other in others}
    return bool(answers & {Action.ALLOW, Action.LOG})


def _errno(program: Filter, number_of_signal: int) -> int:
    """Send a signal under the filter; return the errno, or -1 if that ended us."""

    def send(pid: int) -> int:
        answered = ask("kill", pid, number_of_signal)
        return answered.errno

    def outside() -> int:
        pid = _sacrifice()
        try:
            return in_child(lambda: under(bpf.assemble(program), lambda: send(pid)))
        except ChildProcessError:
            return -1
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    return in_child(outside)


def _reaches(program: Filter, number_of_signal: int) -> bool:
    return _errno(program, number_of_signal) == 0


def _sacrifice() -> int:
    """Return the pid of a child that may be killed."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(PATIENCE)
        while True:
            signal.pause()
    return pid


@dataclass(frozen=True)
class Answered:
    """What the kernel said, or who answers in its place."""

    value: int
    errno: int


def ask(name: str, *values: int) -> Answered:
    """Make a system call by its number, with whatever numbers."""
    ctypes.set_errno(0)
    six = [*values, *[0] * (6 - len(values))]
    result = _LIBC.syscall(*map(ctypes.c_long, (number(name), *six)))
    return Answered(result, ctypes.get_errno())


_LIBC = ctypes.CDLL(None, use_errno=True)


@exercise("11-seccomp", 2)
def check_answer(
    answer: Callable[[Waiting, list[Waiting]], int | None],
) -> list[Point]:
    """Look if `answer(call, before)` lets each call be made three times."""
    raw = inspect.unwrap(answer)  # a guard would take OSError for a mistake
    truth, found = in_child(lambda: (_answered(_nothing), _answered(raw)))
    first = [same for same in range(len(ORDER)) if _times(same) <= TIMES]
    later = [same for same in range(len(ORDER)) if _times(same) > TIMES]
    wrong = [at for at in first if found[at] != truth[at]]
    let = [at for at in later if found[at].errno != errno.EAGAIN]
    return [
        Point(
            "the first time, the kernel answers",
            found[0] == truth[0],
            "Return None, and the kernel makes the call.  A number is the answer "
            "itself, also 0.",
        ),
        Point(
            "so it does three times for each call",
            not wrong,
            _counted(found, wrong),
        ),
        Point(
            "the fourth time it fails, with EAGAIN",
            not let,
            _not_refused(found, let),
        ),
    ]


# getppid, getpgid, ... in turns, so that a count of all together is found out.
ORDER = [*["getppid"] * 2, *["getpgid", "getppid"] * 3, *["getpgid"] * 2]


def _times(at: int) -> int:
    """Return how often a call has been made, with this time."""
    return ORDER[: at + 1].count(ORDER[at])


def _nothing(*_: object) -> None:
    """Let the kernel answer."""


def _asked() -> list[Answered]:
    return [ask(name, 0) for name in ORDER]


def _answered(answer: Callable[[Waiting, list[Waiting]], int | None]) -> list[Answered]:
    """Ask all of it with the learner's function as the supervisor."""
    before: list[Waiting] = []

    def supervisor(call: Waiting) -> int | None:
        earlier = list(before)
        before.append(call)
        return _guarded(lambda: answer(call, earlier))

    yes, no = ret(Action.USER_NOTIF), ret(Action.ALLOW)
    names = [jeq(number(name), "ask", 0) for name in ("getppid", "getpgid")]
    program = bpf.assemble([ld(NR), *names, no, "ask", yes])
    try:
        return supervise(program, _asked, supervisor)  # type: ignore[no-any-return]
    except OverflowError as error:
        raise stumbled(error) from None


def _guarded(answer: Callable[[], Any]) -> int | None:
    """Call the learner's function, for which OSError is an answer."""
    try:
        with in_time(guard.SECONDS):
            value = answer()
    except OSError:
        raise
    except (Exception, SystemExit, TimeIsUp) as error:
        raise stumbled(error) from None
    if value is not None and not isinstance(value, int):
        said = f"it returned {value!r:.40}"
        hint = "Return a number, or None; an OSError is raised."
        raise Stumbled("TypeError", said, "", 0, (hint,))
    return value


def _counted(found: Sequence[Answered], wrong: Sequence[int]) -> str:
    if any(found[at].errno for at in wrong):
        return (
            "It says no too early.  In `before`, count the calls with the same "
            "`data.nr`, and no others."
        )
    return "A number that you return is what the process gets.  Return None."


def _not_refused(found: Sequence[Answered], let: Sequence[int]) -> str:
    codes = {found[at].errno for at in let}
    if codes - {0}:
        return "It fails with another error: `raise OSError(errno.EAGAIN, '...')`."
    return "It goes on.  To have a call fail, `raise OSError(errno.EAGAIN, '...')`."


@exercise("11-seccomp", 3)
def check_only_local(only_local: Callable[[], dict[str, Any]]) -> list[Point]:
    """Look if `only_local()` is a profile that lets sockets be local, and no others."""
    try:
        program = compiler.compiled(profile.read(only_local()))
        wrong = ""
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        wrong = f"{error}"
    read = Point("cfslib can read the profile", not wrong, wrong)
    return [read] if wrong else [read, *in_child(lambda: _sockets(program))]


def _sockets(program: list[Instruction]) -> list[Point]:
    codes = {kind: _socket(program, kind) for kind in MADE}
    nr = number("socket")
    disguised = [kind for kind in MADE[1:] if _is_made(program, nr, [DOOR + kind])]
    local = codes.pop(socket.AF_UNIX)
    open_ones = [kind for kind in range(KINDS) if _is_made(program, nr, [kind])]
    refused = _refused(program, but="socket")
    return [
        Point(
            "a local socket can be made",
            local == 0,
            "AF_UNIX is 1.  A rule can have a condition on the first argument, which "
            "has the index 0.  Beside a rule without a condition it does not count.",
        ),
        Point(
            "sockets of all other kinds cannot",
            set(open_ones) <= {socket.AF_UNIX} and 0 not in codes.values(),
            f"{_kinds(open_ones)} can still be made.  There are some forty kinds: name "
            "the one that is not refused, with SCMP_CMP_NE.",
        ),
        Point(
            "nor can they with something in the upper half of the number",
            not disguised,
            "The kernel looks at the lower half of it.  Do not list what is refused: "
            "all that is not AF_UNIX is, with SCMP_CMP_NE.",
        ),
        Point(
            "they fail with EAFNOSUPPORT",
            set(codes.values()) == {errno.EAFNOSUPPORT},
            "The action is SCMP_ACT_ERRNO, and `errnoRet` says which error: a number.",
        ),
        Point(
            "all other calls are made",
            not refused,
            f"{', '.join(refused[:3])} would be refused.  About calls that no rule "
            "names, `defaultAction` decides.",
        ),
    ]


KINDS = 46  # of sockets, from AF_UNSPEC on
MADE = (socket.AF_UNIX, socket.AF_INET, socket.AF_NETLINK)


def _kinds(numbers: Sequence[int]) -> str:
    known = {int(family): family.name for family in socket.AddressFamily}
    named = [known[number] for number in numbers if number in known]
    return " and ".join([name for name in named if name != "AF_UNIX"][:2])


def _socket(program: list[Instruction], kind: int) -> int:
    """Make a socket under a filter; return the errno, or -1 if that ended us."""

    def make() -> int:
        return ask("socket", kind, socket.SOCK_DGRAM).errno

    try:
        return in_child(lambda: under(program, make))
    except ChildProcessError:
        return -1
