"""channel: what a container's PID 1 and its maker say to each other.

A pair of sockets that keep messages whole.  The maker says one word for each part of
its work that PID 1 waits for, and with the last one what to run:

    maker                                 PID 1
    clone                    ------->     begins
    writes the id maps,
    finds the rootfs         - word ->    mounts
    makes the cgroups        - word ->    joins them, changes its root, ...
    is told to start         - order ->   says that it starts the command
                             <- STARTS -
                             <- RUNS ---  or what went wrong

What PID 1 says is numbers and text, never a pickle: by then, whoever is inside may have
done something to it.
"""

import errno
import marshal
import posix

from cfslib.kernel import libc, tracing
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime import errors, init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn, Self

    from cfslib.kernel.tracing import Call

PATIENCE = 30  # seconds: a hostile rootfs may have something that never opens
OUR_ERROR = 125  # the exit code for "the container could not be made"
LARGEST = 1 << 16  # bytes of a message; a socket takes more than that at once
STREAMS = 3  # standard input, output and error
STARTS, RUNS = b".", b"+"


class Channel:
    """One end belongs to the maker, the other to PID 1."""

    def __init__(self, with_descriptors: bool) -> None:
        if with_descriptors:  # to send them takes a module that takes time to import
            from cfslib.kernel import messages

            self._messages = messages
        self._outside, self._inside = libc.socketpair(PATIENCE)
        self.with_descriptors = with_descriptors
        self._calls: list[Call] = []

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        posix.close(self._outside)
        self._close_inside()

    def _close_inside(self) -> None:
        if self._inside >= 0:
            posix.close(self._inside)
        self._inside = -1

    # Outside:

    def say(self, *told: "Any") -> None:
        """Tell PID 1 that the next part of our work is done, and what came of it."""
        self._close_inside()
        self._send(marshal.dumps(told))

    def order(
        self, argv: "list[str] | None", term: str, streams: "Sequence[int]"
    ) -> None:
        """Tell PID 1 to start, and what: see `wait_for_order`."""
        self._send(marshal.dumps((argv, term, len(streams))), streams)

    def _send(self, data: bytes, descriptors: "Sequence[int]" = ()) -> None:
        try:
            if descriptors:
                self._messages.send(self._outside, data, descriptors)
            else:
                posix.write(self._outside, data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended: `hear` says why

    def hear(self) -> "int | None":
        """Wait until the command runs; return the master of its terminal, if any.

        Raise what went wrong instead.
        """
        told, starts = b"", False
        message, descriptors = self._receive()
        while message not in (RUNS, b""):
            if message == STARTS:
                starts = True
            else:
                told += message
            message, descriptors = self._receive()
        if told and (error := errors.unpacked(told)):
            raise error
        if not message and not starts:  # if it starts, its exit code will say more
            raise errors.killed()
        return descriptors[0] if descriptors else None

    def _receive(self) -> "tuple[bytes, list[int]]":
        """Return the next message; b"" if PID 1 has ended."""
        try:
            if self.with_descriptors:
                return self._messages.receive(self._outside, LARGEST, 1)
            return posix.read(self._outside, LARGEST), []
        except ConnectionResetError:
            return self._receive()  # it ended and had not read all; what has it said?
        except BlockingIOError:
            raise too_late() from None

    def has_something(self) -> bool:
        """Say if PID 1 has said something that was not heard yet."""
        from select import POLLIN, poll  # here, because only a server asks

        events = poll()
        events.register(self._outside, POLLIN)
        return bool(events.poll(0))

    # Inside:

    def live(self, story: "Callable[[], int]") -> "NoReturn":
        """Be PID 1: live by `story`, end with its result."""
        code = OUR_ERROR
        try:
            if tracing.is_on():
                self._calls = tracing.trace().__enter__()
            init.end_with_the_maker()
            posix.close(self._outside)
            code = story()
        except BaseException as error:  # whatever it is, the maker raises it
            self._tell(error)
        finally:
            posix._exit(code)

    def move_to(self, number: int) -> int:
        """Say which descriptor our end is; from now on it has this number."""
        before, self._inside = self._inside, number
        return before

    def wait(self) -> "tuple[Any, ...]":
        """Wait for the maker's next word; end if it has ended."""
        data = posix.read(self._inside, LARGEST)
        if not data:
            posix._exit(OUR_ERROR)
        told: tuple[Any, ...] = marshal.loads(data)
        return told

    def wait_for_order(self) -> "tuple[list[str] | None, str]":
        """Wait for the last word: what to run, and on which terminal it prints.

        With it come standard input, output and error, if they are not the maker's.
        """
        if self.with_descriptors:
            libc.prctl(Prctl.SET_NAME, init.WAITING.encode())  # it may take a while
            data, streams = self._messages.receive(self._inside, LARGEST, STREAMS)
        else:
            data, streams = posix.read(self._inside, LARGEST), []
        if not data or not self._maker_lives():
            posix._exit(OUR_ERROR)
        for number, stream in enumerate(streams):
            posix.dup2(stream, number)
            posix.close(stream)
        argv, term, expected = marshal.loads(data)
        if len(streams) != expected:
            raise OSError(errno.EMFILE, "too few files may be open in the container")
        return argv, term

    def _maker_lives(self) -> bool:
        """Say if it has not ended before the kernel knew our wish to end too."""
        posix.set_blocking(self._inside, False)
        try:
            return bool(posix.read(self._inside, 1))
        except BlockingIOError:
            return True  # nothing to read, and no end of the stream

    def say_starts(self) -> None:
        """Tell the maker that from now on the command may have run."""
        posix.write(self._inside, STARTS)

    def say_runs(self, master: "int | None") -> None:
        """Tell the maker that the command runs, and hand over its terminal."""
        if self._calls:
            self._tell(None)
        if master is None:
            posix.write(self._inside, RUNS)
        else:
            self._messages.send(self._inside, RUNS, [master])
            posix.close(master)
        self._close_inside()

    def _tell(self, error: "BaseException | None") -> None:
        """Tell the maker what went wrong, and which calls were made."""
        data = errors.packed(error, self._calls)
        for start in range(0, len(data), LARGEST):
            posix.write(self._inside, data[start : start + LARGEST])


def fits(argv: "Sequence[str]") -> bool:
    """Say if a command fits into an order, which is one message."""
    return sum(len(word) for word in argv) + 16 * len(argv) < LARGEST / 4


def too_late() -> TimeoutError:
    """Return the error for a command that does not run after all this time."""
    return TimeoutError(f"the container did not start within {PATIENCE} s")
