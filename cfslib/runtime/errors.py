"""errors: an error as plain values, and back.

What goes wrong in PID 1 is raised where the container was asked for.  On the way there
it is numbers and text alone: whoever is inside a container may have done something to
them, and must not be able to have anything run out here.
"""

import builtins

from cfslib.isolation.cgroups.hierarchies import CannotLimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Plain = tuple[str, list[int | str], str | None, list[str]]


class CannotExecute(OSError):
    """The command itself could not be started: not found, or not executable."""


_OURS = {kind.__name__: kind for kind in (CannotExecute, CannotLimit)}


def as_plain(error: BaseException) -> "Plain":
    """Take an error apart: its kind, its arguments, its file, its notes."""
    arguments = [part if type(part) is int else str(part) for part in error.args]
    filename = getattr(error, "filename", None)
    notes = [str(note) for note in getattr(error, "__notes__", [])]
    return type(error).__name__, arguments, filename and str(filename), notes


def from_plain(plain: "Plain") -> BaseException:
    """Put an error together again; one of an unknown kind tells its kind."""
    kind, arguments, filename, notes = plain
    try:
        error: BaseException = _kind(kind)(*arguments)
    except (TypeError, LookupError):
        error = ChildProcessError(f"{kind}: {', '.join(map(str, arguments))}")
    if filename is not None and isinstance(error, OSError):
        error.filename = filename
    for note in notes:
        error.add_note(note)
    return error


def _kind(name: str) -> "Any":
    """Return the class of an error of ours, or of Python's own."""
    found = _OURS.get(name) or getattr(builtins, name, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        raise LookupError(name)
    return found
