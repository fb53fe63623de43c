"""helpers: a process beside ours that does what a process with threads must not.

It is started when it is needed first, and again if it has died.  It ends with us: a
helper sees that its socket was closed.
"""

import atexit
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cfslib.kernel import messages
from cfslib.runtime.lifeline import have_all_three

LARGEST = 4096  # bytes of a message from a helper


@dataclass(frozen=True)
class _Process:
    process: subprocess.Popen[bytes]
    requests: socket.socket
    owner: int  # the pid that started it: a fork of us needs a helper of its own

    def took(self, data: bytes, descriptors: Sequence[int]) -> bool:
        """Send a request; say if anybody is there to get it."""
        if self.owner != os.getpid():
            return False
        try:
            socket.send_fds(self.requests, [data], descriptors)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def message(self) -> tuple[bytes, list[int]]:
        """Return the next message that has come from it, with its descriptors."""
        if self.owner != os.getpid():
            return b"", []
        try:
            return messages.receive(self.requests, LARGEST, 1, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionResetError):
            return b"", []

    def stop(self) -> None:
        self.requests.close()  # it ends when it sees this
        if self.owner == os.getpid():
            self.process.wait()


class Helper:
    """A process that is there whenever it is asked for something."""

    def __init__(self, arguments: Callable[[], list[str]]) -> None:
        self._arguments = arguments  # of Python; the socket's number comes after them
        self._lock = threading.RLock()
        self._process: _Process | None = None
        atexit.register(self.stop)

    @property
    def pid(self) -> int | None:
        """The process as it is now; None if there is none."""
        return self._process.process.pid if self._process else None

    def ask(self, descriptors: Sequence[int], request: Callable[[bool], bytes]) -> None:
        """Send a request with file descriptors.

        `request` returns its bytes; it is told whether the helper is a new one.
        """
        with self._lock:
            if self._process and self._process.took(request(False), descriptors):
                return
            self._stop()
            self._process = _start(self._arguments())
            self._process.took(request(True), descriptors)

    def message(self) -> tuple[bytes, list[int]]:
        """Return the next message from it, with its descriptors; b"" for none.

        `request` in `ask` may call this too.
        """
        with self._lock:
            return self._process.message() if self._process else (b"", [])

    def stop(self) -> None:
        """End it and whatever it still runs."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._process:
            self._process.stop()
        self._process = None


def _start(arguments: list[str]) -> _Process:
    """Start a helper.  `subprocess` may: no Python runs between its fork and exec."""
    have_all_three()  # a socket in place of standard input would not get there
    # Of this kind a message comes whole, with its file descriptors, or not at all.
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, *arguments, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # or Ctrl-C in a terminal would end it
        )
    return _Process(process, ours, os.getpid())
