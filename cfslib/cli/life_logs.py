"""life_logs: print what a container has printed, as `cfs logs` does."""

import os
import time

from cfslib.runtime import state
from cfslib.runtime.logbook import STDERR, Entry, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cfslib.runtime.state import State

_MOMENT = 0.05  # seconds between two looks


class Printer:
    """Prints entries where the container did: on standard output, or error."""

    def __init__(self, *, with_times: bool) -> None:
        self._with_times = with_times
        self._unfinished: set[bytes] = set()  # streams that are in the middle of a line

    def print(self, entries: "Iterable[Entry]") -> None:
        """Print what was printed, byte by byte; with times before lines, if wanted."""
        for entry in entries:
            is_start = entry.stream not in self._unfinished
            shows_time = self._with_times and is_start
            before = entry.when + b" " if shows_time else b""
            _write(2 if entry.stream == STDERR else 1, before + entry.text)
            if entry.is_whole:
                self._unfinished.discard(entry.stream)
            else:
                self._unfinished.add(entry.stream)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def show(
    container: "State", *, last: "int | None", follow: bool, with_times: bool
) -> None:
    """Print the log of a container, perhaps its last lines only; then what comes."""
    path = f"{container.path}/log"
    if not os.path.exists(path):
        raise _no_log(container.name)
    printer, reader = Printer(with_times=with_times), Reader(path)
    goes_on = follow and _runs(container)  # before we read, or the end may be missed
    printer.print(last_lines(list(reader.now()), last))
    while goes_on:
        time.sleep(_MOMENT)
        goes_on = _runs(container)
        printer.print(reader.now())
    reader.close()


def last_lines(entries: "Sequence[Entry]", number: "int | None") -> "Sequence[Entry]":
    """Return the entries of so many lines at the end; all of them for None."""
    starts: list[int] = []
    unfinished: set[bytes] = set()
    for place, entry in enumerate(entries):
        if entry.stream not in unfinished:
            starts.append(place)
        unfinished -= {entry.stream}
        if not entry.is_whole:
            unfinished.add(entry.stream)
    if number is None or number >= len(starts):
        return entries
    return entries[starts[-number] :] if number else []


def _runs(container: "State") -> bool:
    try:
        return container.status() != state.ENDED
    except FileNotFoundError:
        return False  # it has ended, and is forgotten


def _no_log(name: str) -> OSError:
    error = FileNotFoundError(f"{name} has no log: it prints where it was started")
    error.add_note("Hint: only `cfs run -d` keeps what a container prints.")
    return error
