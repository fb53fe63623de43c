"""supervisor: answer the calls of a process in the kernel's place.

The process is a child of ours under a filter, and we hear of each call about which the
filter says USER_NOTIF.  What we return is what the process gets:

    >>> from cfslib.isolation.seccomp.bpf import jeq, ld, ret
    >>> getppid = {"x86_64": 110, "aarch64": 173}[os.uname().machine]
    >>> program = [ld(0), jeq(getppid, 0, 1), ret(Action.USER_NOTIF), ret(Action.ALLOW)]
    >>> in_child(lambda: supervise(program, os.getppid, lambda call: 42))
    42
"""

import os
import pickle
import select
import signal
from collections.abc import Callable, Sequence
from typing import Any

from cfslib.children import answers, streams
from cfslib.children.in_child import in_child
from cfslib.isolation.seccomp import bpf, notify
from cfslib.isolation.seccomp.bpf import Instruction
from cfslib.isolation.seccomp.data import Action
from cfslib.isolation.seccomp.notify import Waiting
from cfslib.kernel import libc, syscalls
from cfslib.kernel.syscalls import FilterFlag, Prctl, Seccomp

__all__ = ["Action", "in_child"]  # for the example above

CLONE_FILES = 0x400  # one table of descriptors for both: see clone(2)
LONGEST_WAIT = 0.001  # seconds between two looks for the listener

# Returns a number: the process gets it.  Raises OSError: the call fails with its errno.
# Returns None: the kernel makes the call.
Answer = Callable[[Waiting], "int | None"]


def supervise(
    program: Sequence[Instruction], target: Callable[[], Any], answer: Answer
) -> Any:
    """Call `target` in a child under a filter; return what it returns.

    Only a process with one thread may do this: in a notebook, use `in_child` around it.
    """
    streams.flush()
    reader, writer = os.pipe()
    # The filter may ask us about each call from the first on, so the child cannot send
    # us the listener.  It need not, if its descriptors are also ours.
    pid = libc.clone(CLONE_FILES)
    if pid == 0:
        _be_supervised(bpf.pack(program), target, writer)
    try:
        listener = _listener(pid)
        if listener is not None:
            _serve(listener, answer)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
        os.close(writer)
        with open(reader, "rb") as pipe:
            data = pipe.read()
    if not data:
        raise answers.died(status)
    return pickle.loads(data).open()


def _be_supervised(program: bytes, target: Callable[[], Any], writer: int) -> None:
    """Be the child: set the filter, do what is to be seen, and end."""

    def under_the_filter() -> Any:
        syscalls.prctl(Prctl.SET_NO_NEW_PRIVS, 1)
        syscalls.seccomp(Seccomp.SET_MODE_FILTER, FilterFlag.NEW_LISTENER, program)
        return target()

    try:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        data = answers.packed(answers.answer(under_the_filter))
        streams.flush()
        os.write(writer, data)
    finally:
        os._exit(0)


def _listener(pid: int) -> int | None:
    """Wait until the child has set its filter; None if it ended first."""
    end = os.pidfd_open(pid)
    try:
        while (listener := notify.find_listener()) is None:
            if select.select([end], [], [], LONGEST_WAIT)[0]:
                return notify.find_listener()
        return listener
    finally:
        os.close(end)


def _serve(listener: int, answer: Answer) -> None:
    """Answer until all that have the filter have ended."""
    try:
        while call := notify.receive(listener):
            _answer(call, answer)
    finally:
        os.close(listener)


def _answer(call: Waiting, answer: Answer) -> None:
    try:
        value = answer(call)
    except OSError as error:
        notify.answer(call, error=error.errno or 0)
        return
    if value is None:
        notify.carry_on(call)
    else:
        notify.answer(call, value)
