"""helper: a process beside ours that does what a process with threads must not.

It is started when it is needed first, and again if it has died.  It ends with us: a
helper sees that its socket was closed.

What it makes for us should be as if we had made it.  A helper has from us, by the
kernel's own rules, all that a child has from its parent; so when that is no longer what
a child would have now, because we have become nicer or may open fewer files, there is a
new helper for new requests.  The old one is retired: see `retirement`.
"""

import atexit
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cfslib.children import inherited, over_exec, retirement
from cfslib.children.streams import have_all_three


@dataclass(frozen=True)
class _Process:
    process: subprocess.Popen[bytes]
    requests: socket.socket
    owner: int  # the pid that started it: a fork of us needs a helper of its own
    heritage: object  # what it has from us

    def is_ours(self) -> bool:
        return self.owner == os.getpid()

    def is_alive(self) -> bool:
        """Say if it could answer.

        The socket does not tell: when it has ended, a child of its may still have that.
        """
        return self.process.poll() is None

    def took(self, data: bytes, descriptors: Sequence[int]) -> bool:
        """Send a request; say if anybody is there to get it."""
        try:
            socket.send_fds(self.requests, [data], descriptors)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def retire(self) -> None:
        """Let it end by itself, when it has done what it was asked for."""
        if self.is_ours():
            retirement.retire(self.requests)

    def has_ended(self) -> bool:
        """Say if there is nothing more to wait for, and nothing left of it."""
        if self.is_ours() and self.process.poll() is None:
            return False
        self.requests.close()
        return True

    def stop(self) -> None:
        self.requests.close()  # it ends when it sees this
        if self.is_ours():
            self.process.wait()


class Helper:
    """A process that is there whenever it is asked for something."""

    def __init__(self, arguments: Callable[[], list[str]]) -> None:
        # Of Python.  After them come the number of the socket, and what to give to
        # `over_exec.restore`.
        self._arguments = arguments
        self._lock = threading.RLock()
        self._process: _Process | None = None
        self._retired: list[_Process] = []
        atexit.register(self.stop)

    @property
    def pid(self) -> int | None:
        """The process as it is now; None if there is none."""
        return self._process.process.pid if self._process else None

    def ask(self, descriptors: Sequence[int], data: bytes = b"!") -> None:
        """Send a request: file descriptors, and some bytes, at least one."""
        with self._lock:
            heritage = inherited.of_this_thread()
            self._reap()
            process = self._that_has(heritage)
            if process and process.took(data, descriptors):
                return
            self._retire()
            self._process = _start(self._arguments(), heritage)
            self._process.took(data, descriptors)
            self._reap()

    def retire(self) -> None:
        """Have the next request go to a new one."""
        with self._lock:
            self._retire()

    def stop(self) -> None:
        """End it and whatever it still runs."""
        with self._lock:
            self._retire()
            while self._retired:
                self._retired.pop().stop()

    def _that_has(self, heritage: object) -> _Process | None:
        """Return our process, if it has from us what a child would have now."""
        process = self._process
        if not process or not process.is_ours() or process.heritage != heritage:
            return None
        return process if process.is_alive() else None

    def _retire(self) -> None:
        if self._process:
            self._process.retire()
            self._retired.append(self._process)
        self._process = None

    def _reap(self) -> None:
        self._retired = [old for old in self._retired if not old.has_ended()]


def _start(arguments: list[str], heritage: object) -> _Process:
    """Start a helper.  `subprocess` may: no Python runs between its fork and exec."""
    have_all_three()  # a socket in place of standard input would not get there
    # Of this kind a message comes whole, with its file descriptors, or not at all.
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with theirs:
        number, told = str(theirs.fileno()), over_exec.of_this_thread()
        process = subprocess.Popen(
            [sys.executable, *arguments, number, told],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # or Ctrl-C in a terminal would end it
            restore_signals=False,  # what we ignore it ignores
        )
    return _Process(process, ours, os.getpid(), heritage)
