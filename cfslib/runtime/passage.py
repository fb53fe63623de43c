"""passage: what one on the way into a container tells those who wait outside.

The same sockets as a `channel`, with fewer words:

    outside                    on the way                 inside
    clone          ------->    joins, clones  ------->    begins
                               closes its end
                   <------------------------- STARTS --   becomes the command,
                                                          or says what went wrong

Nobody says that the command runs: the last end of the socket inside is closed then.
"""

import _signal as signal
import posix

from cfslib.runtime import errors
from cfslib.runtime.channel import STARTS, Channel

GIVE_UP = signal.SIGRTMAX  # to the one on the way: nobody waits outside any more


class Passage(Channel):
    """One end stays outside, the other goes in."""

    def hear(self) -> "int | None":
        """Wait until the command runs; return the master of its terminal, if any."""
        self._close_inside()
        master, told = None, b""
        message, descriptors = self._receive()
        starts = message == STARTS
        if starts:
            master = next(iter(descriptors), None)
            message, _ = self._receive()
        while message:
            told += message
            message, _ = self._receive()
        if starts and not told:
            return master
        if master is not None:
            posix.close(master)
        raise (told and errors.unpacked(told)) or ChildProcessError(
            "killed on the way into the container"
        )

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

    def leave_it_to_the_other(self) -> None:
        """Say nothing ourselves from now on; end if nobody listens."""
        if not self._maker_lives():
            posix.kill(posix.getpid(), GIVE_UP)
        self._close_inside()

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
