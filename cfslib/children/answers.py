"""answers: what a child process brings home.

A child's result, its exception, and the calls it made travel back through a pipe as
one pickle.  The parent opens it: records the calls, raises or returns.
"""

import os
import pickle
import signal
from collections.abc import Callable

from cfslib.kernel import tracing
from cfslib.kernel.record import Record
from cfslib.kernel.tracing import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

IN_A_CHILD = "In the child: "  # begins a note of ours, which is no hint
# Where an error often arises, but the reader's mistake never is: we and the library.
_NOT_THEIRS = (
    os.path.dirname(os.path.dirname(__file__)),
    os.path.dirname(os.__file__),
    "<frozen ",
)


class Answer(Record):
    """How a function went in a child process."""

    def __init__(
        self,
        result: "Any" = None,
        error: BaseException | None = None,
        calls: "Sequence[Call]" = (),
    ) -> None:
        self.result, self.error, self.calls = result, error, list(calls)

    def open(self) -> "Any":
        """Return what the child returned, or raise what it raised."""
        tracing.record(self.calls)
        if self.error is not None:
            raise self.error
        return self.result


def answer(func: Callable[[], object]) -> Answer:
    """Call `func`; catch whatever it does."""
    with tracing.trace() as calls:
        try:
            return Answer(func(), None, calls)
        except BaseException as error:  # whatever it is, the parent raises it
            _say_where(error)
            return Answer(None, error, calls)


def packed(answer: Answer, dumps: Callable[[Answer], bytes] = pickle.dumps) -> bytes:
    """Return the answer as bytes, or one that says why it cannot be sent."""
    try:
        data = dumps(answer)
        pickle.loads(data)  # some exceptions can be packed but not unpacked
        return data
    except Exception as reason:
        told = repr(answer.error or type(answer.result))
        error = ChildProcessError(f"cannot send the child's answer {told}: {reason}")
        return pickle.dumps(Answer(None, error, answer.calls))


def died(status: int) -> ChildProcessError:
    """Return the error for a child that ended without an answer."""
    code = os.waitstatus_to_exitcode(status)
    how = f"exit status {code}" if code >= 0 else f"killed by {_signal_name(-code)}"
    return ChildProcessError(f"the child ended without an answer: {how}")


def _signal_name(number: int) -> str:
    named = number in set(signal.Signals)  # most realtime signals have no name
    return signal.Signals(number).name if named else f"signal {number}"


def hints_of(error: BaseException) -> "tuple[str, ...]":
    """Return the hints among the notes of an error, without the line in the child."""
    notes = getattr(error, "__notes__", ())
    return tuple(note for note in notes if not note.startswith(IN_A_CHILD))


def _say_where(error: BaseException) -> None:
    """Note the line, since the traceback cannot travel; a hint is worth more."""
    place, frames = error.__traceback__, []
    while place:
        frames.append((place.tb_lineno, place.tb_frame.f_code))
        place = place.tb_next
    theirs = [
        (line, code)
        for line, code in frames
        if not code.co_filename.startswith(_NOT_THEIRS)
    ]
    for line, code in theirs[-1:]:
        vars(error).setdefault("where", (code.co_filename, line))
    if getattr(error, "__notes__", None):
        return
    for line, code in (theirs or frames)[-1:]:
        error.add_note(f"{IN_A_CHILD}line {line} of {code.co_name}()")
