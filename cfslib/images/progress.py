"""bar: how far long work has come, on one line of a terminal.

    >>> drawn("Copying", 1, 4, columns=30)
    'Copying [###.........]  25%'

A bar is for people, so it is drawn on standard error, and only if that is a terminal.
When the work is over the line is empty again, and what is printed next begins there.
"""

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

Progress = Callable[[int, int], None]  # takes how much is done, and of how much
_LONGEST = 40  # characters between the brackets


def unseen(done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def in_terminal(what: str) -> Generator[Progress]:
    """Yield what draws a bar, and take the bar away at the end."""
    if not (sys.stderr and sys.stderr.isatty()):
        yield unseen
        return
    import shutil  # here, because it takes longer to import than much that is shown

    columns = shutil.get_terminal_size().columns
    last = ""

    def show(done: int, total: int) -> None:
        nonlocal last
        line = drawn(what, done, total, columns)
        if line != last:  # hundreds of files, but a hundred percent
            _write(f"\r{line}")
        last = line

    try:
        show(0, 1)
        yield show
    finally:
        _write(f"\r{' ' * len(last)}\r")


def drawn(what: str, done: int, total: int, columns: int) -> str:
    """Return the bar as text that fits on a line."""
    share = done / total if total else 1
    width = min(_LONGEST, columns - len(what) - len(" []  100%") - 2)
    if width < 1:
        return f"{share:4.0%}"
    full = int(share * width)
    return f"{what} [{'#' * full}{'.' * (width - full)}] {share:4.0%}"


def _write(text: str) -> None:
    try:
        os.write(2, text.encode())
    except OSError:
        pass  # the terminal is gone, the work goes on
