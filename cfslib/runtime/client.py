"""playclient: have the play server make a container from a recipe."""

import marshal
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cfslib.children.helper import Helper
from cfslib.runtime import orders, pid1
from cfslib.runtime import server as playserver
from cfslib.runtime.player import Deviation
from cfslib.runtime.shelf import Recipe

if TYPE_CHECKING:
    from cfslib.runtime.player import Order

# Started like `cfs` itself, without site packages: the less it imports, the faster it
# can be cloned.
PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from cfslib.runtime import server
server.serve(int(sys.argv[2]))
"""
server = Helper(lambda: ["-I", "-S", "-c", PROGRAM, str(Path(__file__).parents[2])])
_sent: set[str] = set()  # the recipes that the server has


class _TooLarge(Exception):
    """The words of the command do not fit into a request."""


def run(
    recipe: Recipe,
    argv: Sequence[str],
    streams: Sequence[int],
    meanwhile: Callable[[socket.socket], bytes],
) -> int | None:
    """Run a container to its end; return its exit code, or None to do it plainly.

    `streams` are descriptors for its standard input, output and error.  `meanwhile` is
    called with a socket, and returns what has come from it when that has ended.
    """
    environ = {k: os.environb[k] for k in (b"PATH", b"TERM") if k in os.environb}
    name, words = recipe["name"], list(argv)

    def request(to_a_new_server: bool) -> bytes:
        if to_a_new_server:
            _sent.clear()
        ahead = _ordered(name, (words, environ), streams)
        known = None if name in _sent else recipe
        data = marshal.dumps((name, known, words, environ, ahead))
        if len(data) > playserver.LARGEST:
            raise _TooLarge
        _sent.add(name)
        return data

    ours, theirs = socket.socketpair()
    # Leaving this block early, as Ctrl-C does, closes `ours`: the server sees that
    # nobody waits any more, and kills the container.
    with ours:
        try:
            server.ask([theirs.fileno(), *streams], request)
        except _TooLarge:
            return None
        finally:
            theirs.close()
        status = meanwhile(ours)
    if not status:  # the command may have run, so it must not run again
        raise ChildProcessError("the play server was killed, the container with it")
    if status == playserver.PLAINLY:
        _sent.discard(name)
        return None
    return pid1.shell_code(int(status))


def _ordered(kind: str, order: "Order", streams: Sequence[int]) -> bytes:
    """Tell a container made ahead what to run; return its name, or b"" without one."""
    while True:
        data, channels = server.message()
        if not data:
            return b""
        of_kind, name = marshal.loads(data)
        for channel in channels:  # none, if we have too many files open
            try:
                if of_kind == kind:
                    orders.give(channel, order, streams)
                    return bytes(name)
            except Deviation:
                pass  # it has ended
            finally:
                os.close(channel)


def stop() -> None:
    """End the play server and whatever it still runs."""
    server.stop()
