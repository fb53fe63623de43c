"""inside_tables: the processes of a container, and what containers use, as tables."""

import os
import sys
import time
from collections.abc import Callable, Sequence

from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from cfslib.observe import figures, inhabitants
from cfslib.observe.figures import Figures
from cfslib.runtime import state
from cfslib.runtime.names import SHOWN
from cfslib.runtime.state import State

SECOND = 1.0
_ABOVE = "\x1b[H\x1b[J"  # go to the first line of the screen, and wipe it
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_USED = ("CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "PIDS")


def processes(container: State) -> str:
    """Return a row for each process of a container."""
    pid1 = container.pid1()
    assert pid1
    number = container.namespaces()[int(Namespace.PID)]
    namespace = os.stat(f"/proc/{container.maker().pid}/fd/{number}").st_ino
    rows: list[tuple[str, ...]] = [("PID", "INSIDE", "PPID", "UID", "TIME", "COMMAND")]
    for one in inhabitants.of(pid1.pid, namespace):
        numbers = map(str, (one.pid, one.inside, one.parent, one.uid))
        rows.append((*numbers, f"{one.seconds:.2f}", plain(one.line)))
    return _table(rows)


def plain(text: str) -> str:
    """Return text without characters that do something to a terminal."""
    return text if text.isprintable() else ascii(text)[1:-1]


def show_figures(read: Callable[[], Sequence[State]], *, once: bool) -> None:
    """Print what the containers use that run, and if asked each second anew."""
    before: dict[str, tuple[float, Figures]] = {}
    while True:
        rows: list[tuple[str, ...]] = [_USED]
        for container in read():
            if row := _row(container, before):
                rows.append(row)
        head = _ABOVE if sys.stdout.isatty() and not once else ""
        print(f"{head}{_table(rows)}", flush=True)
        if once:
            return
        time.sleep(SECOND)


def _row(
    container: State, before: dict[str, tuple[float, Figures]]
) -> tuple[str, ...] | None:
    try:
        pid1 = container.pid1()
        if not pid1 or container.status() != state.RUNNING:
            return None
        if container.id not in before:  # how fast it grows, two looks tell
            before[container.id] = time.monotonic(), figures.of_container(pid1.pid)
            time.sleep(figures.MOMENT)
        now = time.monotonic(), figures.of_container(pid1.pid)
        name, limits = container.name, container.spec().limits
    except OSError as error:
        if not procfs.is_gone(error):
            raise
        return None
    then, before[container.id] = before[container.id], now
    used = now[1]
    return (
        container.id[:SHOWN],
        name,
        _percent(_grown(then, now)),
        f"{_size(used.memory)} / {_size(limits.memory_max)}",
        _percent(_part(used.memory, limits.memory_max)),
        _number(used.processes),
    )


def _grown(then: tuple[float, Figures], now: tuple[float, Figures]) -> float | None:
    if then[1].seconds is None or now[1].seconds is None:
        return None
    return 100 * (now[1].seconds - then[1].seconds) / max(now[0] - then[0], 1e-6)


def _part(used: int | None, limit: int | None) -> float | None:
    return None if used is None or not limit else 100 * used / limit


def _percent(part: float | None) -> str:
    return "--" if part is None else f"{part:.2f}%"


def _number(number: int | None) -> str:
    return "--" if number is None else str(number)


def _size(size: float | None) -> str:
    """Return a number of bytes as people write it.

    >>> _size(512), _size(1536), _size(64 << 20), _size(None)
    ('512B', '1.5KiB', '64MiB', '--')
    """
    if size is None:
        return "--"
    power = 0
    while size >= 1024 and power < len(_UNITS) - 1:
        size, power = size / 1024, power + 1
    return f"{size:.4g}{_UNITS[power]}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("   ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
