"""guard: call a learner's function so that nothing of ours shows when it fails.

An exception in it, or more than five seconds, becomes a `Stumbled`, which knows the
learner's own line.  It travels through `in_child` like any other exception.
"""

import functools
import linecache
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import NoReturn, ParamSpec, TypeVar

from cfslib.children.answers import hints_of

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 5  # for one answer
AGAIN = 0.2  # seconds until it is stopped once more, if it caught that
PACKAGE = os.path.dirname(os.path.dirname(__file__))
LIBRARY = os.path.dirname(os.__file__)  # what is installed is in there too
NO_END = "it had not ended after five seconds"
# What usually helps; the message of the error stands before it.
ADVICE = {
    "TimeIsUp": "What should end the loop, or the waiting?",
    "NameError": "Is it imported, or defined in a cell that you have run?  "
    "What is text needs quotes.",
    "TypeError": "Look at the signature: what goes in, and of which type?",
    "SystemExit": "Return instead: this ends the process that called you.",
}


class TimeIsUp(BaseException):
    """The five seconds are over; no `except Exception` of a learner catches this."""


class Stumbled(Exception):
    """A learner's function did not get to its end."""

    def __init__(
        self, kind: str, said: str, file: str, line: int, hints: tuple[str, ...] = ()
    ) -> None:
        super().__init__(kind, said, file, line, hints)
        self.kind, self.said, self.file, self.line = kind, said, file, line
        self.hints = hints

    def __str__(self) -> str:
        place = f"Line {self.line} of your cell" if self.line else "Your answer"
        text = linecache.getline(self.file, self.line).strip()
        shown = f"{place}:\n\n    {text}\n\n" if text else f"{place}.  "
        said = self.said if self.kind == "TimeIsUp" else f"{self.kind}: {self.said}"
        advice = self.hints or (ADVICE.get(self.kind, ""),)
        return "\n".join([shown + said.rstrip(": "), *filter(None, advice)])


def guarded(func: Callable[P, T]) -> Callable[P, T]:
    """Return the function with a guard; it raises nothing but `Stumbled`."""

    @functools.wraps(func)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        with in_time(SECONDS):
            try:
                return func(*args, **kwargs)
            except Stumbled:
                raise
            except (Exception, SystemExit, TimeIsUp) as error:
                raise stumbled(error) from None

    return called


def stumbled(error: BaseException) -> Stumbled:
    """Return what to say about an error: the last line of the learner's in it."""
    in_child: tuple[str, int] | None = getattr(error, "where", None)
    file, line = in_child or whose_line(error.__traceback__)
    said = NO_END if isinstance(error, TimeIsUp) else str(error)
    return Stumbled(type(error).__name__, said, file, line, hints_of(error))


def whose_line(traceback: TracebackType | None) -> tuple[str, int]:
    """Return file and line of the last step that is neither ours nor a library's."""
    place = ("", 0)
    while traceback:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith((PACKAGE, LIBRARY, sys.prefix, "<frozen")):
            place = (file, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


@contextmanager
def in_time(seconds: float) -> Generator[None]:
    """Raise `TimeIsUp` in a block that takes longer; only a main thread can do that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _stop)
    left, again = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left, again)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise TimeIsUp
