"""passage: what one on the way into a container tells those who wait outside.

The same sockets as a `channel`, with other words:

    outside                    on the way                 inside
    clone          ------->    joins, clones  ------->    begins
                   <- PID ---  ends
                   <------------------------- STARTS --   becomes the command
                                                          or says what went wrong

Nobody says that the command runs: the last end of the socket inside is closed then.
"""

import posix

from cfslib.runtime import errors
from cfslib.runtime.channel import STARTS, Channel

_PID = b"p"


class Passage(Channel):
    """One end stays outside, the other goes in."""

    def hear_pid(self) -> int:
        """Wait until somebody is inside; return his pid out here."""
        self._close_inside()
        message, _ = self._receive()
        if message[:1] == _PID:
            return int(message[1:])
        raise self._what_went_wrong(message)

    def hear(self) -> "int | None":
        """Wait until the command runs; return the master of its terminal, if any."""
        master: int | None = None
        starts = False
        message, descriptors = self._receive()
        while message == STARTS:
            starts, master = True, next(iter(descriptors), None)
            message, descriptors = self._receive()
        if message or not starts:
            if master is not None:
                posix.close(master)
            raise self._what_went_wrong(message)
        return master

    def hear_end(self) -> None:
        """Wait, however long it takes, for the end; raise what went wrong, if anything.

        The others have ends of their own, so it is enough that one is closed.
        """
        self._close_inside()
        told = b""
        while True:
            try:
                message, _ = self._receive()
            except TimeoutError:
                continue
            if not message:
                break
            told += message
        if told and (error := errors.unpacked(told)):
            raise error

    def _what_went_wrong(self, message: bytes) -> BaseException:
        told = message
        while message:
            message, _ = self._receive()
            told += message
        return (told and errors.unpacked(told)) or ChildProcessError(
            "killed on the way into the container"
        )

    def say_pid(self, pid: int) -> None:
        """Say who is inside."""
        posix.write(self._inside, _PID + str(pid).encode())

    def say_starts(self, master: "int | None" = None) -> None:
        """Say that from now on the command may run, and hand over its terminal."""
        if not self._maker_lives():
            posix._exit(0)
        if master is None:
            posix.write(self._inside, STARTS)
        else:
            self._messages.send(self._inside, STARTS, [master])
            posix.close(master)

    def say_error(self, error: BaseException) -> None:
        """Say what went wrong."""
        self._tell(error)
