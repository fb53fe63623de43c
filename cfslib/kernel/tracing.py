"""Tracing: a record of what the kernel was asked, and what it answered.

`syscalls` makes every call through `ask`, which notes it down for whoever traces.
A child process sends its record home with its result, so one `with` block sees the
calls of all the processes that worked on its behalf:

    >>> with trace() as calls:
    ...     _ = ask("chdir", posix.chdir, path=".")
    >>> str(calls[0])
    'chdir(".") = 0'
"""

import errno
import posix
import sys
import time

from cfslib.kernel import flags
from cfslib.kernel.flags import Number
from cfslib.kernel.hints import hint_for
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class Call(Record):
    """One question to the kernel, with its answer."""

    def __init__(
        self,
        name: str,
        arguments: "dict[str, object]",
        result: int,
        error: int,  # errno, or 0 if the call succeeded
        microseconds: float,
        pid: int,  # of the caller, as it knew itself: 1 in a new PID namespace
        step: str = "",  # of the making of a container: see `runtime.steps`
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.result = result
        self.error = error
        self.microseconds = microseconds
        self.pid = pid
        self.step = step

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


# Arguments that are numbers of somebody or something, and no bits.
_COUNTED = ("uid", "gid", "groups", "pid", "soft", "hard")
_listeners: "list[Trace]" = []
step = ""  # of the making of a container that is being taken now
# Called with a name after each step of the making of a container, and after each call
# that succeeds, in the process that took the step or made the call.
after_step: "list[Callable[[str], object]]" = []
after_call: "list[Callable[[str], object]]" = []


class trace:  # noqa: N801  it reads as a function
    """Record the calls made in a `with` block, here and in our children."""

    def __enter__(self) -> Trace:
        self._calls = Trace()
        _listeners.append(self._calls)
        return self._calls

    def __exit__(self, *_: object) -> None:
        _listeners[:] = [other for other in _listeners if other is not self._calls]


def is_on() -> bool:
    """Say if anybody is tracing."""
    return bool(_listeners)


def record(calls: "Iterable[Call]") -> None:
    """Add calls that were made elsewhere on our behalf."""
    calls = list(calls)
    for listener in _listeners:
        listener.extend(calls)


def ask(name: str, function: "Callable[..., Any]", /, **arguments: object) -> int:
    """Make one call, note it down, and raise with text and hint if it fails."""
    plain = [for_c(value) for value in arguments.values()]
    started = time.perf_counter_ns() if _listeners else 0
    result, error = 0, 0
    try:
        result = function(*plain) or 0
    except OSError as refusal:
        result, error = -1, refusal.errno or 0
    if _listeners:
        took = (time.perf_counter_ns() - started) / 1000
        record([Call(name, arguments, result, error, took, posix.getpid(), step)])
    if error:
        raise refused(name, arguments, error)
    for watcher in after_call:
        watcher(name)
    return result


def refused(name: str, arguments: "dict[str, object]", code: int) -> OSError:
    """Return the error for a call that failed: the call as made, with a hint."""
    error = OSError(code, f"{written(name, arguments)}: {posix.strerror(code)}")
    precise = f"{name} {arguments.get('fstype')}"  # proc asks for more than others
    if hint := hint_for(precise, code) or hint_for(name, code):
        error.add_note(f"Hint: {hint}")
    return error


def written(name: str, arguments: "dict[str, object]") -> str:
    """Write a call as C would, flags by name."""
    shown = [_shown(value, about) for about, value in arguments.items()]
    return f"{name}({', '.join(shown)})"


def _shown(value: object, about: str = "") -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return f"[{', '.join(_shown(one, about) for one in value)}]"
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        # Not by a codec: Python would import it, and the root may have changed.
        return f'"{ascii(str(value))[1:-1]}"'
    if type(value) is int and value > (0xFFFF_FFFF if about in _COUNTED else 0xFFFF):
        return hex(value)  # maybe bits
    return str(value)


def for_c(value: object) -> object:
    """Turn text into the bytes that C wants, and refuse what C would cut short."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        value = encoded(str(value))
        if b"\0" in value:
            raise ValueError(f"a NUL byte in {value!r}: the kernel would stop there")
    return value


def encoded(text: str) -> bytes:
    """Return the bytes of a path, as `os.fsencode` does."""
    return text.encode(sys.getfilesystemencoding(), "surrogateescape")


def as_plain(call: Call) -> "tuple[Any, ...]":
    """Return a call as nothing but numbers, text, tuples and lists."""
    arguments = [
        (name, type(value).__name__ if isinstance(value, Number) else "", _plain(value))
        for name, value in call.arguments.items()
    ]
    return call.name, arguments, *list(vars(call).values())[2:]


def from_plain(values: "tuple[Any, ...]") -> Call:
    """Return the call that `as_plain` has taken apart."""
    name, arguments, *others = values
    named = {key: flags.of_family(kind, value) for key, kind, value in arguments}
    return Call(name, dict(named), *others)


def _plain(value: object) -> object:
    if isinstance(value, int):
        return int(value)
    return str(value) if hasattr(value, "__fspath__") else value
