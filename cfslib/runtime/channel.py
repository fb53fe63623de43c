"""channel: what a container's PID 1 and its maker say to each other.

A socket pair, and three messages: the maker says "go" when it has done its part;
PID 1 answers once, either that the command is running or what went wrong; then each
side only learns that the other is gone.
"""

import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn, Self

from cfslib.children import answers
from cfslib.children.answers import Answer
from cfslib.kernel import syscalls, tracing
from cfslib.kernel.syscalls import Prctl
from cfslib.kernel.tracing import Call
from cfslib.runtime import pid1

PATIENCE = 30.0  # seconds: a hostile rootfs may have something that never opens
OUR_ERROR = 125  # the exit code for "the container could not be made"


class Channel:
    """One end belongs to the maker, the other to PID 1."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._outside, self._inside = socket.socketpair()
        self._calls: list[Call] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._outside.close()
        self._inside.close()

    # Outside:

    def let_go(self) -> None:
        """Tell PID 1 that it may start."""
        self._inside.close()
        with suppress(BrokenPipeError):  # it was killed: `hear` says so
            self._outside.sendall(b"!")

    def hear(self) -> int | None:
        """Wait for the answer: raise what went wrong, or return a terminal's master."""
        self._outside.settimeout(self._patience)
        data = b""
        descriptors: list[int] = []
        try:
            _, descriptors, _, _ = socket.recv_fds(self._outside, 1, maxfds=1)
            with self._outside.makefile("rb") as stream:
                data = stream.read()
        except ConnectionResetError:
            pass  # it died before it read our word
        except TimeoutError:
            text = f"the container did not start within {self._patience:g} s"
            raise TimeoutError(text) from None
        if not data:
            error = ChildProcessError("the container was killed before it started")
            error.add_note("Hint: --memory may be too low: PID 1 itself takes 2 MB.")
            raise error
        answers.unpacked(data).open()
        return descriptors[0] if descriptors else None

    # Inside:

    def live(self, story: Callable[[], int]) -> NoReturn:
        """Be PID 1: wait for the maker's word, live by `story`, end with its result."""
        code = OUR_ERROR
        try:
            with tracing.trace() as self._calls:
                syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
                self._outside.close()
                if self._inside.recv(1) and self._maker_lives():
                    code = story()
        except BaseException as error:  # whatever it is, the maker raises it
            self._say(Answer(error=error, calls=self._calls))
        finally:
            os._exit(code)

    def _maker_lives(self) -> bool:
        """Say if the maker has not ended before the kernel knew our wish to end too."""
        with suppress(BlockingIOError):  # nothing to read, and no end of the file
            return bool(self._inside.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        return True

    def say_started(self, master: int | None) -> None:
        """Tell the maker that the command is running, and hand over its terminal."""
        self._say(Answer(calls=self._calls), *([] if master is None else [master]))

    def keep_nothing_else(self, streams: Sequence[int] = ()) -> None:
        """Let go of the maker, but for this channel; see `pid1.let_go_of_the_maker`."""
        pid1.let_go_of_the_maker(self._inside.fileno(), streams)
        if self._inside.fileno() != pid1.CHANNEL:
            self._inside.detach()  # that one is closed; this is the same:
            self._inside = socket.socket(fileno=pid1.CHANNEL)

    def _say(self, answer: Answer, *descriptors: int) -> None:
        socket.send_fds(self._inside, [b"!"], descriptors)
        self._inside.sendall(answers.packed(answer, answers.by_value))
        self._inside.close()
