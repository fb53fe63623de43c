"""in_child: a fresh process to try things in.

A process that has entered a namespace seldom gets back, and never out of a user
namespace.  So whoever wants to try one sends a child:

    >>> in_child(lambda: 6 * 7)
    42

There are two ways to get one.  A process with a single thread forks.  A Jupyter
kernel has many, and must not: the locks that other threads hold stay locked in the
child for ever.  It asks the fork server, a small process that does it in its place.
"""

import os
import pickle
import select
import signal
from collections.abc import Callable

from cfslib.children import answers, streams
from cfslib.kernel import libc, procfs, syscalls
from cfslib.kernel.kept_back import KeptBack
from cfslib.kernel.syscalls import Prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, TypeVar

    T = TypeVar("T")


def in_child(func: "Callable[[], T]") -> "T":
    """Call `func` in a child; return what it returns, raise what it raises.

    What it prints appears here, in order.  Its calls appear in our `trace()`.
    Raise ChildProcessError if it was killed.
    """
    __tracebackhide__ = True  # keep the notebook's error report to the reader's lines
    if procfs.thread_count() > 1:
        from cfslib.children import forkclient  # here, because others never need it

        return forkclient.ask(func)  # type: ignore[no-any-return]
    return _fork_and_ask(func)


def on_one_thread(func: "Callable[[], T]") -> "T":
    """Call `func` here if this process may fork, else in a child that may."""
    __tracebackhide__ = True
    return func() if procfs.thread_count() == 1 else in_child(func)


def _fork_and_ask(func: "Callable[[], T]") -> "T":
    __tracebackhide__ = True
    streams.flush()
    with KeptBack() as kept:
        data, status = _asked(func, kept)
    try:
        answer = pickle.loads(data)
    except (EOFError, pickle.UnpicklingError):
        raise answers.died(status) from None
    return answer.open()  # type: ignore[no-any-return]


def _asked(func: Callable[[], object], kept: KeptBack) -> tuple[bytearray, int]:
    """Call `func` in a child; return its answer and its wait status."""
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0):
        try:
            pid = libc.fork_quietly()
            if pid == 0:
                os.close(reader)
                _report(func, writer, kept)
        finally:
            os.close(writer)
        try:
            with open(os.pidfd_open(pid), "rb", buffering=0) as end:
                data = kept.wait(lambda: _read_until(end.fileno(), reader))
        except BaseException:  # such as Ctrl-C: nobody waits any more
            os.kill(pid, signal.SIGKILL)
            raise
        finally:
            status = libc.wait_for(pid)
    return data, status


def _report(func: Callable[[], object], writer: int, kept: KeptBack) -> "NoReturn":
    """Be the child: call `func`, write down how it went, and end."""
    try:
        kept.__exit__()
        # Nobody may wait for us any more: the notebook's user has interrupted it.
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        data = answers.packed(answers.answer(func))
        streams.flush()
        with open(writer, "wb") as pipe:
            pipe.write(data)
    finally:
        os._exit(0)  # on every path: a child must never run on into its parent's code


def _read_until(end: int, reader: int) -> bytearray:
    """Read what a child writes until it ends, even if its own children live on."""
    data = bytearray()
    events = select.poll()
    for fd in (reader, end):
        events.register(fd, select.POLLIN)
    while True:
        ready = {fd for fd, _ in events.poll()}
        if reader in ready and (chunk := os.read(reader, 1 << 16)):
            data += chunk
        elif end in ready:
            return data
        else:
            events.unregister(reader)
