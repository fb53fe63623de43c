"""behind: what PID 1 asks the kernel behind its filter, and has to.

The filter of a container is for PID 1 too, which still becomes another user, starts the
command and looks after it.  A profile that answers these calls itself could make it
wait for ever, or believe what was never done: if wait4(2) "succeeds", nobody's end is
seen.  So a filter of somebody's own is asked about each of them, with the arguments
that they will have, before the kernel gets it.
"""

import _signal as signal
import errno
import posix

from cfslib.isolation.seccomp import bpf, calls, machine, possible
from cfslib.isolation.seccomp.data import Action
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime import init
from cfslib.runtime.channel import STREAMS
from cfslib.runtime.init import CHANNEL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cfslib.isolation.seccomp.bpf import Instruction
    from cfslib.runtime.channel import Channel
    from cfslib.runtime.spec import Spec

    Call = tuple[str, *tuple[int | None, ...]]  # its name and arguments

_NUMBERS = calls.numbers(calls.machine())  # now: later, the host's files are gone
_ANY = None  # an address, or a number that nobody knows yet
_AT_FDCWD = -100
_FIONBIO = 0x5421  # <asm-generic/ioctls.h>; in `os.set_blocking`
_ANONYMOUS = 0x2_0022  # MAP_PRIVATE|MAP_ANONYMOUS|MAP_STACK
_VFORK = 0x4111  # CLONE_VM|CLONE_VFORK, and SIGCHLD at its end
_EVERY_SIGNAL = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
_PASSED_ON = _EVERY_SIGNAL - init.FAULTS - {signal.SIGCHLD}


def check(spec: "Spec", uid: int, channel: "Channel") -> None:
    """Raise `PermissionError` if the filter would not let PID 1 do its work."""
    assert spec.filter
    program = bpf.unpack(spec.filter)
    try:
        machine.check(program)
    except ValueError:
        return  # the kernel will say what is wrong
    refused: dict[str, list[str]] = {}
    for name, answers in sorted(_refused(program, _needed(spec, uid, channel)).items()):
        refused.setdefault(" or ".join(answers), []).append(name)
    if refused:
        said = "; ".join(f"{', '.join(refused[it])} with {it}" for it in refused)
        error = PermissionError(f"the filter of calls answers {said}")
        error.add_note(
            "Hint: PID 1 of a container needs these calls: a profile has to allow them."
        )
        raise error


def _refused(
    program: "Sequence[Instruction]", needed: "Collection[Call]"
) -> "dict[str, list[str]]":
    """Return what is answered to calls that PID 1 cannot do without."""
    refused: dict[str, list[str]] = {}
    for call in [*needed, *_ways_to_start(program)]:
        if wrong := [it for it in _answers(program, call) if not _is_made(it)]:
            words = ["what nobody can tell" if it is None else str(it) for it in wrong]
            refused[call[0]] = sorted({*refused.get(call[0], []), *words})
    return refused


def _answers(program: "Sequence[Instruction]", call: "Call") -> "set[Action | None]":
    """Return every answer to a call; none on machines without it, which use others."""
    name, *arguments = call
    if name not in _NUMBERS:
        return set()
    return possible.answers(program, possible.words(_NUMBERS[name], *arguments))


def _ways_to_start(program: "Sequence[Instruction]") -> "Iterator[Call]":
    """Yield the calls that make a child: the C library has a second one if need be."""
    clone3: Call = ("clone3", _ANY, 88)  # bytes of struct clone_args
    others = [it for it in _answers(program, clone3) if not _is_made(it)]
    if any(map(_is_not_there, others)):
        yield "clone", _VFORK, _ANY, _ANY, _ANY, _ANY
    if not all(map(_is_not_there, others)):
        yield clone3


def _is_made(answer: "Action | None") -> bool:
    """Say if the kernel makes the call, as if there were no filter."""
    return answer is not None and answer.kind in (Action.ALLOW, Action.LOG)


def _is_not_there(answer: "Action | None") -> bool:
    """Say if a call seems to be unknown; so it is, too, if nobody traces us."""
    if answer is None:
        return False
    return answer == Action.ERRNO | errno.ENOSYS or answer.kind == Action.TRACE


def _needed(spec: "Spec", uid: int, channel: "Channel") -> "list[Call]":
    """Return the calls that PID 1 makes, from its filter on to its end."""
    return [
        # It becomes the user, and gives up its rights.
        ("setresuid", uid, uid, uid),
        ("getuid",),
        ("capget", _ANY, _ANY),
        ("capset", _ANY, _ANY),
        ("prctl", Prctl.SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
        ("prctl", Prctl.SET_NAME, _ANY, 0, 0, 0),
        *(_to_gain_no_more() if spec.no_new_privileges else ()),
        # It hears from its maker, and answers.
        *(_with_descriptors() if channel.with_descriptors else ()),
        ("read", CHANNEL, _ANY, _ANY),
        ("write", CHANNEL, _ANY, _ANY),
        ("ioctl", CHANNEL, _FIONBIO, _ANY),
        # It looks at the program, and starts it.
        ("openat2", _AT_FDCWD, _ANY, _ANY, 24),
        ("read", _ANY, _ANY, 256),
        ("close", _ANY),
        ("mmap", 0, _ANY, 3, _ANONYMOUS, -1, 0),
        ("munmap", _ANY, _ANY),
        ("rt_sigprocmask", signal.SIG_BLOCK, _ANY, _ANY, 8),
        ("rt_sigprocmask", signal.SIG_SETMASK, _ANY, _ANY, 8),
        *(("rt_sigaction", it, _ANY, _ANY, 8) for it in _EVERY_SIGNAL),
        ("execve", _ANY, _ANY, _ANY),
        # It looks after it, to the end.
        ("rt_sigtimedwait", _ANY, _ANY, 0, 8),
        ("wait4", -1, _ANY, posix.WNOHANG, 0),
        ("wait4", _ANY, 0, 0, 0),  # for a child that could not exec
        *(("kill", _ANY, it) for it in _PASSED_ON),
        ("exit_group", _ANY),
    ]


def _to_gain_no_more() -> "Iterator[Call]":
    yield "prctl", Prctl.SET_NO_NEW_PRIVS, 1, 0, 0, 0
    yield "prctl", Prctl.GET_NO_NEW_PRIVS, 0, 0, 0, 0


def _with_descriptors() -> "Iterator[Call]":
    """Yield what it takes to send and receive open files."""
    yield "getsockname", CHANNEL, _ANY, _ANY
    yield "getsockopt", CHANNEL, _ANY, _ANY, _ANY, _ANY
    yield "recvmsg", CHANNEL, _ANY, _ANY
    yield "sendmsg", CHANNEL, _ANY, _ANY
    for number in range(STREAMS):
        yield (
            ("dup2", _ANY, number) if "dup2" in _NUMBERS else ("dup3", _ANY, number, 0)
        )
