"""way: one way to make containers, as something that can be started and timed.

A way is opened once, and then started as often as wanted.  What is opened is what a
user would have open as well: a notebook's kernel, a Python program, a terminal.

A start is over when all is over; where the command says when it ran, as soon as it ran.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

Start = Callable[[], int]  # make one container; return the nanoseconds it took


@dataclass(frozen=True)
class Way:
    """One way to make containers."""

    name: str
    opened: Callable[[], AbstractContextManager[Start]]
    words: tuple[str, ...] = ()  # as typed, where it is a command
    may_fail: bool = False  # then it is left out; ours may not
    makes_two: bool = False  # and only the second one counts


def check(code: int, what: str) -> None:
    """Raise `ChildProcessError` if a start did not end well."""
    if code != 0:
        raise ChildProcessError(f"exit code {code}: {what}")
