"""worker: a child of the fork server, which waits for something to call."""

import os
import pickle
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module

from cfslib.children import answers
from cfslib.children.answers import Answer
from cfslib.kernel import libc, syscalls
from cfslib.kernel.syscalls import Prctl

INHERITED = pickle.dumps(dict(os.environ))  # the environment that a child has from us


@dataclass(frozen=True)
class Request:
    """What a child needs to know to stand in for the process that asked."""

    environment: bytes  # pickled, so that equal ones are seen at once
    path: list[str]  # sys.path
    func: bytes  # pickled by value, so that functions of a notebook travel


def wait_and_serve(
    orders: socket.socket, server: int, processors: set[int], ignored: int
) -> None:
    """Answer one request, for the client whose descriptors come with the orders.

    They are its socket, the pipe to print into, and its directory.  `server` is the pid
    of our parent, and `processors` are those that it may use.  `ignored` are the
    signals that the client ignores, one bit each.
    """
    syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        return  # it ended before the kernel knew our wish
    _keep_only(orders)
    _ignore(ignored)
    # Memory that we share with the server is copied when it is first used: do that now.
    _packed(answers.answer(lambda: None))

    with orders:
        data, descriptors, _, _ = socket.recv_fds(orders, 1, maxfds=3)
    if not data:
        return  # the server has ended
    with suppress(OSError):  # we woke where the server is not, and now may go anywhere
        os.sched_setaffinity(0, processors)
    client, output, directory = descriptors
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    os.fchdir(directory)
    os.close(directory)
    os.set_inheritable(client, False)  # it is not for programs that the child starts
    with open(client, "rb", closefd=False) as stream:
        request = pickle.load(stream)
    answer = answers.answer(_stand_in(request))
    with open(client, "wb") as stream:
        stream.write(_packed(answer))
    os._exit(0)


def _keep_only(orders: socket.socket) -> None:
    """Close all else but 0, 1 and 2: other clients wait for the end of theirs."""
    number = orders.fileno()
    os.closerange(3, number)
    libc.close_from(number + 1)


def _ignore(signals: int) -> None:
    """Ignore what our client does; of these the server has done as it must."""
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        theirs = signals >> number - 1 & 1
        signal.signal(number, signal.SIG_IGN if theirs else signal.SIG_DFL)


def _packed(answer: Answer) -> bytes:
    return answers.packed(answer, _by_name_if_it_has_one)


def _by_name_if_it_has_one(answer: Answer) -> bytes:
    """Pack an answer; by value, which takes longer, what can be found by no name."""
    try:
        return pickle.dumps(answer)
    except Exception:  # whatever a class raises that cannot be packed
        dumped: bytes = import_module("cloudpickle").dumps(answer)
        return dumped


def _stand_in(request: Request) -> Callable[[], object]:
    """Return what to call, which first makes this process look like the client."""

    def call() -> object:
        import sys

        sys.path[:] = request.path
        if request.environment != INHERITED:
            os.environ.clear()
            os.environ.update(pickle.loads(request.environment))
        return pickle.loads(request.func)()

    return call
