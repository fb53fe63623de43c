"""player: make recorded calls again, and with them turn into PID 1 of a container.

A call is played back only as long as the kernel answers as it did when the recipe was
written.  PID 1 ends at the first other answer, and its maker, `replay`, sees that.
"""

import _signal as signal
import posix as os

from cfslib.kernel import libc
from cfslib.runtime import pid1, program, shelf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn

    from cfslib.runtime.shelf import Recipe

    Calls = Sequence[tuple[str, Sequence[Any], int, int]]  # arguments, result, errno
    Order = tuple[list[str], Mapping[bytes, bytes]]  # a command, and its caller's TERM

OUR_ERROR = 125


class Deviation(Exception):
    """The kernel did not answer as it did before, or something else has changed."""


def again(calls: "Calls", name: bytes = b"", pid: bytes = b"") -> None:
    """Make recorded calls; raise `Deviation` at the first other answer."""
    for call, arguments, result, code in calls:
        if type(arguments) is list:  # only these vary: see `recipes`
            arguments = [
                value.replace(shelf.NAME, name).replace(shelf.PID, pid)
                if type(value) is bytes
                else value
                for value in arguments
            ]
        try:
            answer = getattr(libc, call)(*arguments) or 0, 0
        except OSError as refusal:
            answer = -1, refusal.errno or 0
        if answer != (result, code):
            raise Deviation(call)


def be_pid_1(
    recipe: "Recipe",
    order: "Callable[[], Order]",
    streams: "Sequence[int]",
    channel: int,
    name: bytes,
) -> "NoReturn":
    """Turn this process into the container, as `container` does it the plain way.

    `order` is called when all is ready, and may wait until it is known what to run.
    """
    code = OUR_ERROR
    try:
        libc.prctl(pid1.SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_BLOCK, pid1.WAITED_FOR)
        pid1.let_go_of_the_maker(channel, streams)
        again(recipe["begin"])
        _hear_a_word()
        again(recipe["inside"], name)
        argv, environ = order()
        term = {b"TERM": environ.get(b"TERM", b"dumb")}
        variables = term | recipe["environment"]
        file = program.find(argv[0], recipe["path"])
        _hear_a_word()
        _hear_that_the_maker_lives()
        main = program.start(file, argv, variables)
        os.write(pid1.CHANNEL, b"!")
        os.close(pid1.CHANNEL)
        code = pid1.look_after(main)
    finally:
        os._exit(code)


def _hear_a_word() -> None:
    """Wait for the maker; if it says no, or ends, the socket is closed instead."""
    if not os.read(pid1.CHANNEL, 1):
        raise Deviation


def _hear_that_the_maker_lives() -> None:
    """See that it had not ended before the kernel knew our wish to end too."""
    os.set_blocking(pid1.CHANNEL, False)
    try:
        _hear_a_word()
    except BlockingIOError:
        pass  # nothing to read, and no end of the stream
