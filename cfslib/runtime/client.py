"""client: have the server make a container.

A process with threads, such as a Jupyter kernel, must not be cloned; so the first time
it wants a container it starts a `server`, and from then on that makes them.
"""

import marshal
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cfslib.children.helper import Helper
from cfslib.children.pipes import Pipes
from cfslib.children.printing import print_until_answered
from cfslib.kernel import tracing
from cfslib.kernel.kept_back import HandlersKeptBack
from cfslib.runtime import errors, init
from cfslib.runtime.request import Request
from cfslib.runtime.spec import Spec

T = TypeVar("T")

# Started like `cfs` itself, without site packages: the less it imports, the faster it
# can be cloned.
PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from cfslib.children import over_exec
from cfslib.runtime import server
over_exec.restore(sys.argv[3])
server.serve(int(sys.argv[2]))
"""
server = Helper(lambda: ["-I", "-S", "-c", PROGRAM, str(Path(__file__).parents[2])])
# The variables on which the making of a container depends.
VARIABLES = (b"HOME", b"PATH", b"TERM", b"XDG_CACHE_HOME")


def run(spec: Spec) -> int:
    """Run a container to its end, and print what it prints; return its exit code."""
    __tracebackhide__ = True
    with HandlersKeptBack() as kept:
        reader, writer = os.pipe()
        with (
            open(os.devnull, "rb") as nothing,
            open(reader, "rb", buffering=0) as output,
            open(writer, "wb") as inside,
        ):

            def copy(answer: socket.socket) -> bytearray:
                inside.close()
                return kept.wait(lambda: print_until_answered(output, answer))

            streams = [nothing.fileno(), inside.fileno(), inside.fileno()]
            answer = _ask(spec, streams, copy)
    return _open(answer)


def capture(spec: Spec, pipes: Pipes) -> int:
    """Run a container to its end, and catch what it prints; return its exit code."""
    __tracebackhide__ = True

    def read(answer: socket.socket) -> bytes:
        pipes.let_go()
        kept.wait(pipes.read)
        with answer.makefile("rb") as stream:
            return kept.wait(stream.read)

    with HandlersKeptBack() as kept, pipes:
        answer = _ask(spec, pipes.inside(), read)
    return _open(answer)


def _ask(
    spec: Spec, streams: Sequence[int], meanwhile: Callable[[socket.socket], T]
) -> T:
    """Have the server run a container with these standard streams; return its answer.

    `meanwhile` is called with a socket, and returns what has come from it at the end.
    """
    __tracebackhide__ = True
    if spec.terminal:
        raise ValueError("a program with threads has no terminal to join")
    ours, theirs = socket.socketpair()
    # Leaving this block early, as Ctrl-C does, closes `ours`: the server sees that
    # nobody waits any more, and kills the container.
    with ours:
        with theirs, _Written(_request(spec)) as request:
            server.ask([theirs.fileno(), request.fd, *streams])
        return meanwhile(ours)


def _request(spec: Spec) -> bytes:
    try:
        directory = os.getcwd()
    except FileNotFoundError:
        directory = "/"  # ours was removed, and no relative path leads anywhere
    environ = {name: os.environb[name] for name in VARIABLES if name in os.environb}
    return Request(spec, environ, directory, tracing.is_on()).packed()


def _open(answer: bytes | bytearray) -> int:
    """Return the exit code that an answer tells, or raise what went wrong."""
    __tracebackhide__ = True
    if not answer:
        raise ChildProcessError("the server was killed, the container with it")
    status, error, calls = marshal.loads(answer)
    tracing.record(map(tracing.from_plain, calls))
    if error:
        raise errors.from_plain(error)
    return init.shell_code(status)


class _Written:
    """A file in memory, to hand over as a descriptor: it may have any size."""

    def __init__(self, data: bytes) -> None:
        self.fd = os.memfd_create("cfs-request", os.MFD_CLOEXEC)
        with open(self.fd, "wb", closefd=False) as file:
            file.write(data)

    def __enter__(self) -> "_Written":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def stop() -> None:
    """End the server and whatever it still runs."""
    server.stop()
