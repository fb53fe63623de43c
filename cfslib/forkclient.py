"""forkclient: ask the fork server for a child.

A process with threads, such as a Jupyter kernel, cannot fork safely: a lock that
another thread holds is held in the child for ever.  So the first time it wants a
child it starts a `forkserver`, and from then on that forks in its place.
"""

import atexit
import codecs
import io
import os
import pickle
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cfslib import answers
from cfslib.answers import Answer
from cfslib.forkserver import Request

_PROGRAM = """
import sys
sys.path[:] = sys.argv[2:]
from cfslib import forkserver
forkserver.serve(int(sys.argv[1]))
"""


@dataclass(frozen=True)
class _Server:
    process: subprocess.Popen[bytes]
    requests: socket.socket
    owner: int  # the pid that started it: a fork of us needs a server of its own

    def took(self, descriptors: Sequence[int]) -> bool:
        """Send a request's file descriptors; say if anybody is there to get them."""
        if self.owner != os.getpid():
            return False
        try:
            socket.send_fds(self.requests, [b"!"], descriptors)
        except BrokenPipeError:
            return False
        return True

    def stop(self) -> None:
        self.requests.close()  # it ends when it sees this
        if self.owner == os.getpid():
            self.process.wait()


_server: _Server | None = None
_lock = threading.Lock()


def ask(func: Callable[[], object]) -> Any:
    """Call `func` in a child of the fork server, as `children.in_child` promises."""
    __tracebackhide__ = True
    import cloudpickle  # here, because only programs with threads need it

    request = Request(os.getcwd(), dict(os.environ), sys.path, cloudpickle.dumps(func))
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    # Leaving this block early, as Ctrl-C does, closes `ours`: the server sees that
    # nobody waits any more, and kills the child.
    with ours, open(reader, "rb", buffering=0) as output:
        try:
            _hand_over(theirs.fileno(), writer)
        finally:
            theirs.close()
            os.close(writer)
        with suppress(BrokenPipeError):  # it was killed just now: `_open` says so
            ours.sendall(pickle.dumps(request))
        data = _print_until_answered(output, ours)
    return _open(data)


def stop() -> None:
    """End the fork server and whatever it still runs."""
    global _server
    with _lock:
        if _server:
            _server.stop()
        _server = None


def _hand_over(*descriptors: int) -> None:
    """Send a request's file descriptors to the server, a new one if it died."""
    global _server
    with _lock:
        if _server and not _server.took(descriptors):
            _server.stop()
            _server = None
        if not _server:
            _server = _start()
            _server.took(descriptors)


def _start() -> _Server:
    """Start a server.  `subprocess` may: no Python runs between its fork and exec."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            # -u: what a child prints and what its programs print keep their order.
            [sys.executable, "-u", "-c", _PROGRAM, str(theirs.fileno()), *sys.path],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # or Ctrl-C in a terminal would end it
        )
    return _Server(process, ours, os.getpid())


def _print_until_answered(output: io.FileIO, answer: socket.socket) -> bytes:
    """Print what the child prints; return all that came through the socket."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    data = b""
    events = select.poll()
    for source in (output, answer):
        events.register(source, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in events.poll()}
        if output.fileno() in ready:  # first: it was printed before the end
            text = output.read(1 << 16)
            sys.stdout.write(decoder.decode(text, final=not text))
            if not text:
                events.unregister(output)
        elif chunk := _received(answer):
            data += chunk
        else:
            return data


def _received(answer: socket.socket) -> bytes:
    """Return what has come; nothing is the end, and so is a request never read."""
    try:
        return answer.recv(1 << 16)
    except ConnectionResetError:
        return b""


def _open(data: bytes) -> Any:
    """Return or raise what is in the answer; without one, say how the child died."""
    __tracebackhide__ = True
    try:
        first = pickle.loads(data)
    except (EOFError, pickle.UnpicklingError):
        raise ChildProcessError(
            "the fork server was killed, the child with it"
        ) from None
    if isinstance(first, Answer):
        return first.open()
    raise answers.died(first)


atexit.register(stop)
