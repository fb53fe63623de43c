"""Tracing: a record of what the kernel was asked, and what it answered.

`syscalls` makes every call through `ask`, which notes it down for whoever traces.
A child process sends its record home with its result (see `answers`), so one
`with` block sees the calls of all the processes that worked on its behalf:

    >>> with trace() as calls:
    ...     _ = ask("chdir", os.chdir, path="/")
    >>> str(calls[0])
    'chdir("/") = 0'
"""

import errno
import os
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath

from cfslib.kernel.hints import hint_for


@dataclass(frozen=True)
class Call:
    """One question to the kernel, with its answer."""

    name: str
    arguments: dict[str, object]
    result: int
    error: int  # errno, or 0 if the call succeeded
    microseconds: float
    pid: int  # of the caller, as it knew itself: 1 in a new PID namespace

    def __str__(self) -> str:
        """Write the call as strace(1) would."""
        answer = f"-1 {errno.errorcode[self.error]}" if self.error else self.result
        return f"{written(self.name, self.arguments)} = {answer}"


class Trace(list[Call]):
    """The calls made, in order; `print` shows them as a table."""

    def __str__(self) -> str:
        """Return one line a call: microseconds, pid, the call itself."""
        rows = [f"{call.microseconds:8.0f} {call.pid:7}  {call}" for call in self]
        return "\n".join(["      us     pid  call", *rows])


_listeners: list[Trace] = []


@contextmanager
def trace() -> Generator[Trace]:
    """Record the calls made in a `with` block, here and in our children."""
    calls = Trace()
    _listeners.append(calls)
    try:
        yield calls
    finally:
        _listeners[:] = [other for other in _listeners if other is not calls]


def is_on() -> bool:
    """Say if anybody is tracing."""
    return bool(_listeners)


def record(calls: Iterable[Call]) -> None:
    """Add calls that were made elsewhere on our behalf."""
    calls = list(calls)
    for listener in _listeners:
        listener.extend(calls)


def ask(name: str, function: Callable[..., int | None], /, **arguments: object) -> int:
    """Make one call, note it down, and raise with text and hint if it fails."""
    plain = [for_c(value) for value in arguments.values()]
    started = time.perf_counter_ns()
    result, error = 0, 0
    try:
        result = function(*plain) or 0
    except OSError as refusal:
        result, error = -1, refusal.errno or 0
    took = (time.perf_counter_ns() - started) / 1000
    if _listeners:
        record([Call(name, arguments, result, error, took, os.getpid())])
    if error:
        raise refused(name, arguments, error)
    return result


def refused(name: str, arguments: dict[str, object], code: int) -> OSError:
    """Return the error for a call that failed: the call as made, with a hint."""
    error = OSError(code, f"{written(name, arguments)}: {os.strerror(code)}")
    if hint := hint_for(name, code):
        error.add_note(f"Hint: {hint}")
    return error


def written(name: str, arguments: dict[str, object]) -> str:
    """Write a call as C would, flags by name."""
    return f"{name}({', '.join(map(_shown, arguments.values()))})"


def _shown(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str | PurePath):
        # Not by a codec: Python would import it, and the root may have changed.
        return f'"{ascii(str(value))[1:-1]}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if type(value) is int and value > 0xFFFF:
        return hex(value)
    return str(value)


def for_c(value: object) -> object:
    """Turn text into the bytes that C wants, and refuse what C would cut short."""
    if isinstance(value, str | PurePath):
        value = os.fsencode(value)
        if b"\0" in value:
            raise ValueError(f"a NUL byte in {value!r}: the kernel would stop there")
    return int(value) if isinstance(value, int) else value
