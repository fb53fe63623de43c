"""life_table: containers as a table, and one of them with all there is to know."""

import os
import time

from cfslib.isolation import freezer
from cfslib.runtime import state
from cfslib.runtime.names import SHOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cfslib.runtime.state import State

HEAD = ("CONTAINER ID", "COMMAND", "CREATED", "STATUS", "NAMES")
_COMMAND = 20  # characters of it
_UNITS = ((604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


def table(containers: "Sequence[State]", encoding: str = "utf-8") -> str:
    """Return a row for each container that is still there, in letters of an encoding.

    What has none there is escaped.
    """
    rows = [HEAD, *(row for one in containers if (row := _row(one, encoding)))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("   ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(container: "State", encoding: str) -> "tuple[str, ...]":
    try:
        facts = container.facts()
        status = _status(container)
    except FileNotFoundError:
        return ()  # somebody has removed it just now
    command = f'"{_shown(" ".join(facts["spec"]["argv"]), encoding)}"'
    created = f"{age(time.time() - facts['created'])} ago"
    return container.id[:SHOWN], command, created, status, facts["name"]


def _shown(command: str, encoding: str) -> str:
    r"""Return the beginning of a command, as it can be printed.

    >>> _shown("echo \x1b and so on, and on", "utf-8")
    'echo \\x1b and so on…'
    >>> _shown("echo ä, and more of them", "ascii")
    'echo \\xe4, and mo...'
    """
    if not command.isprintable():
        command = ascii(command)[1:-1]
    shown = command.encode(encoding, "backslashreplace").decode(encoding)
    if len(shown) <= _COMMAND:
        return shown
    end = "…".encode(encoding, "replace").decode(encoding).replace("?", "...")
    return shown[: _COMMAND - len(end)] + end


def _status(container: "State") -> str:
    kind = container.status()
    if kind == state.ENDED:
        code, when, _ = container.end()
        since = f" {age(time.time() - when)} ago" if when else ""
        return f"Exited ({code}){since}"
    started = container.started()
    if not started:
        return "Created"
    paused = " (Paused)" if freezer.is_frozen(container.groups()) else ""
    return f"Up {age(time.time() - started)}{paused}"


def age(seconds: float) -> str:
    """Return a time as people say it.

    >>> age(0.5), age(59), age(60), age(7200)
    ('Less than a second', '59 seconds', '1 minute', '2 hours')
    """
    for length, unit in (*_UNITS, (1, "second")):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return "Less than a second"


def everything(container: "State") -> "dict[str, Any]":
    """Return all that is known of a container, as numbers and text."""
    facts, kind, pid1 = container.facts(), container.status(), container.pid1()
    is_over = kind == state.ENDED
    code, ended, why = container.end() if is_over else (None, None, "")
    maker, log = container.maker(), f"{container.path}/log"
    return {
        "id": container.id,
        "name": facts["name"],
        "created": _moment(facts["created"]),
        "status": kind,
        "paused": not is_over and freezer.is_frozen(container.groups()),
        "pid": pid1.pid if pid1 and not is_over else None,
        "started": _moment(container.started()),
        "monitor": None if is_over else maker.pid,
        "exit_code": code,
        "ended": _moment(ended),
        "error": why,
        "remove": facts["remove"],
        "cgroups": [] if is_over else container.groups(),
        "log": log if os.path.exists(log) else None,
        "spec": {name: _plain(part) for name, part in facts["spec"].items()},
    }


def _moment(when: "float | None") -> "str | None":
    """Return a time as in RFC 3339."""
    if when is None:
        return None
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when))
    return f"{text}.{int(when % 1 * 1_000_000):06d}Z"


def _plain(part: object) -> object:
    """Return what JSON has a word for: a filter is bytes."""
    return part.hex() if isinstance(part, bytes) else part
