"""forkclient: ask the fork server for a child.

A process with threads, such as a Jupyter kernel, cannot fork safely: a lock that
another thread holds is held in the child for ever.  So the first time it wants a
child it starts a `forkserver`, and from then on that forks in its place.
"""

import os
import pickle
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from cfslib.children import answers
from cfslib.children.answers import Answer
from cfslib.children.helper import Helper
from cfslib.children.printing import print_until_answered
from cfslib.children.worker import Request
from cfslib.kernel.kept_back import HandlersKeptBack

_PROGRAM = """
import sys
*sys.path[:], socket, told = sys.argv[1:]
from cfslib.children import forkserver
forkserver.serve(int(socket), told)
"""


# Without -P, Python 3.13.0 cannot import sockets in a directory that was removed.
server = Helper(lambda: ["-u", "-P", "-c", _PROGRAM, *sys.path])


def ask(func: Callable[[], object]) -> Any:
    """Call `func` in a child of the fork server, as `children.in_child` promises."""
    __tracebackhide__ = True
    import cloudpickle  # here, because only programs with threads need it

    environment = pickle.dumps(dict(os.environ))
    request = pickle.dumps(Request(environment, sys.path, cloudpickle.dumps(func)))
    with HandlersKeptBack() as kept:
        data = _asked(request, kept)
    return _open(data)


def _asked(request: bytes, kept: HandlersKeptBack) -> bytearray:
    """Send a request; print what the child prints, and return its answer."""
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    # Leaving this block early, as Ctrl-C does, closes `ours`: the server sees that
    # nobody waits any more, and kills the child.
    with ours, open(reader, "rb", buffering=0) as output:
        with theirs, open(writer, "wb") as printed, _directory() as here:
            # As much as a socket takes: the child finds it there, and need not wait.
            sent = ours.send(request, socket.MSG_DONTWAIT)
            server.ask([theirs.fileno(), printed.fileno(), here])

        def rest() -> bytearray:
            with suppress(BrokenPipeError):  # it was killed just now: `_open` says so
                ours.sendall(request[sent:])
            return print_until_answered(output, ours)

        return kept.wait(rest)


@contextmanager
def _directory() -> Iterator[int]:
    """Open where we are: it may have been removed, and then no path leads there."""
    here = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        yield here
    finally:
        os.close(here)


def _open(data: bytearray) -> Any:
    """Return or raise what is in the answer; without one, say how the child died."""
    __tracebackhide__ = True
    try:
        first = pickle.loads(data)
    except (EOFError, pickle.UnpicklingError):
        raise ChildProcessError(
            "the fork server was killed, the child with it; or it could not fork"
        ) from None
    if isinstance(first, Answer):
        return first.open()
    raise answers.died(first)


def stop() -> None:
    """End the fork server and whatever it still runs."""
    server.stop()
