"""errors: an error as plain values, and back.

What goes wrong in PID 1 is raised where the container was asked for.  On the way there
it is numbers and text alone: whoever is inside a container may have done something to
them, and must not be able to have anything run out here.
"""

import builtins

from cfslib.kernel import tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from cfslib.kernel.tracing import Call

    Plain = tuple[str, list[int | str], str | None, list[str]]


class CannotExecute(OSError):
    """The command itself could not be started: not found, or not executable."""


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


def packed(error: "BaseException | None", calls: "Iterable[Call]") -> bytes:
    """Return what went wrong, if anything, and the calls that were made, as text."""
    plain = as_plain(error) if error else None
    text = repr((plain, [tracing.as_plain(call) for call in calls]))
    return text.encode("utf-8", "surrogateescape")


def unpacked(data: bytes) -> "BaseException | None":
    """Record the calls in such a text; return what went wrong."""
    from ast import literal_eval  # here, because hardly any container needs it

    error, calls = literal_eval(data.decode("utf-8", "surrogateescape"))
    tracing.record(map(tracing.from_plain, calls))
    return from_plain(error) if error else None


def killed() -> ChildProcessError:
    """Return the error for a PID 1 that ended and said nothing."""
    error = ChildProcessError("the container was killed before it started")
    error.add_note(
        "Hint: --memory may be too low (PID 1 itself takes 2 MB), or a filter of calls "
        "may end what PID 1 does."
    )
    return error


def _kind(name: str) -> "Any":
    """Return the class of an error of ours, or of Python's own."""
    if name == "CannotExecute":
        return CannotExecute
    if name == "CannotLimit":
        from cfslib.isolation.cgroups.hierarchies import CannotLimit

        return CannotLimit  # imported here, because PID 1 never raises it
    found = getattr(builtins, name, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        raise LookupError(name)
    return found
