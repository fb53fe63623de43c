"""failures: what `cfs` says if something goes wrong.

A line of cause, a line of advice, never a traceback.  Exit codes are those of
`docker run`: the command's own; 127 if it is not there, 126 if it cannot be executed,
125 if the container could not be made.
"""

import errno
import os
import sys

from cfslib.kernel.hints import hint_for
from cfslib.runtime.errors import CannotExecute

OUR_ERROR = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127
INTERRUPTED = 130  # 128 + SIGINT
OUTPUT_CLOSED = 141  # 128 + SIGPIPE
FOR_PROGRAMMERS = "In the child: "  # begins a note of `children.answers`


def report(error: BaseException) -> int:
    """Say on standard error what went wrong, and return the exit status."""
    _let_go_of_output()
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return OUTPUT_CLOSED
    if not _advice(error) and (hint := _hint(error)):
        error.add_note(f"Hint: {hint}")
    _print(error)
    if isinstance(error, CannotExecute):
        return NOT_FOUND if error.errno == errno.ENOENT else NOT_EXECUTABLE
    return getattr(error, "exit_code", OUR_ERROR)  # of a command in a build


def _advice(error: BaseException) -> list[str]:
    """Return the notes meant for the person who typed the command."""
    notes = getattr(error, "__notes__", [])
    return [note for note in notes if not note.startswith(FOR_PROGRAMMERS)]


def _hint(error: BaseException) -> str | None:
    if isinstance(error, OSError):
        return hint_for("open", error.errno or 0)  # where nobody nearer knows better
    if isinstance(error, MemoryError):
        return hint_for("open", errno.ENOMEM)
    if isinstance(error, (ImportError, SystemError)):
        return "a limit is too low, see `ulimit -a`, or this installation is broken."
    if isinstance(error, (ValueError, LookupError)):
        return None
    return f"this {type(error).__name__} is our mistake: report it."


def _let_go_of_output() -> None:
    """Print what is left, or nothing, lest Python try that again at its end, aloud."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        _give_up_on(1)


def _print(error: BaseException) -> None:
    notes = map(in_one_line, _advice(error))
    cause = in_one_line(_plain(error))
    if sys.stderr:
        try:
            print(f"cfs: {cause}", *notes, sep="\n  ", file=sys.stderr, flush=True)
        except OSError:
            _give_up_on(2)  # nobody is left to read it


def in_one_line(text: str) -> str:
    r"""Return a text as one line that changes nothing of a terminal.

    Names of files and images come from strangers, and may be orders to the terminal.

    >>> in_one_line("a\n\x1b[2J ä")
    'a \\x1b[2J ä'
    """
    line = " ".join(text.split())
    return "".join(x if x.isprintable() else ascii(x)[1:-1] for x in line)


def _give_up_on(fd: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), fd)


def _plain(error: BaseException) -> str:
    """Return the text without the errno that Python puts before it."""
    if isinstance(error, OSError) and error.errno:
        what = error.strerror or os.strerror(error.errno)
        return f"{error.filename}: {what}" if error.filename else what
    return str(error) or os.strerror(errno.ENOMEM)  # of a MemoryError
