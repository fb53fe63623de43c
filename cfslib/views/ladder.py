"""ladder: one process, and its pid on every level.

A process has a number in its own PID namespace and in each one around it.  Signals are
sent from outside, by the outermost number, and what comes of them is shown.
"""

import signal
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from cfslib.observe.sightings import Sighting
from cfslib.views.page import element, page
from cfslib.views.rungs import to_html
from cfslib.views.widget import View, button, labelled, row

Send = Callable[[int, int], tuple[Sighting | None, Sighting | None]]

SIGNALS = (
    signal.SIGTERM, signal.SIGINT, signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL,
)  # fmt: skip


def view(
    read: Callable[[], Sequence[Sighting]], send: Send, again: Callable[[], object]
) -> View:
    """Return the picture, with buttons that signal the process that is chosen."""
    who = labelled(ipywidgets.Dropdown(description="Process"))
    who.layout.width = "17em"
    picture, came_of_it = ipywidgets.HTML(), ipywidgets.HTML()

    def draw() -> None:
        everybody = read()
        offer(who, everybody)
        picture.value = to_html(everybody)

    def send_to_chosen(number: signal.Signals) -> None:
        if who.value is None:
            return
        earlier = read()
        before, after = send(who.value, number)
        draw()  # before it is said, or a reader would look at what was
        went = before and gone_too(before, earlier, read())
        text = f"{explain(number, before, after)}  {went or ''}"
        came_of_it.value = page(element("p", text, role="status"))

    def start_again() -> None:
        again()
        came_of_it.value = ""
        draw()

    def sends(number: signal.Signals) -> Callable[[], None]:
        return lambda: shown.attempt(lambda: send_to_chosen(number))

    buttons = [button(number.name, sends(number)) for number in SIGNALS]
    anew = button("Start again", lambda: shown.attempt(start_again), icon="refresh")
    controls = row(who, *buttons, anew)
    shown = View("The pid ladder", controls, came_of_it, picture)
    shown.attempt(draw)
    return shown


def offer(who: Any, everybody: Sequence[Sighting]) -> None:
    """Have all to choose from; the choice stays if it is still there."""
    chosen = who.value
    who.options = [(f"{seen.name}, pid {seen.pid}", seen.pid) for seen in everybody]
    pids = [seen.pid for seen in everybody]
    if pids:
        who.value = chosen if chosen in pids else pids[0]


def explain(
    number: signal.Signals, before: Sighting | None, after: Sighting | None
) -> str:
    """Say what came of a signal, and why."""
    if before is None:
        return "It has ended already, and was reaped."
    sent = f"{number.name} to {before.name}: "
    if before.state == "Z":
        return (
            sent + "nothing.  A zombie is dead already; its parent has to wait for it."
        )
    was_stopped = before.state == "T" and number != signal.SIGKILL
    ended = "it got what was kept, and ended" if was_stopped else "it ended"
    if after is None:
        return sent + f"{ended}, and its parent reaped it."
    if after.state == "Z":
        return sent + f"{ended}.  It is a zombie until its parent waits for it."
    if number == signal.SIGSTOP:
        return sent + "it is stopped.  Now only SIGCONT and SIGKILL do something."
    if number == signal.SIGCONT and was_stopped:
        return sent + "it goes on."
    if before.is_first and not before.catches(number):
        return sent + (
            "nothing.  PID 1 gets no signal that it has no handler for, "
            "but SIGKILL and SIGSTOP from outside."
        )
    if was_stopped:
        return sent + "it is kept until the process goes on: it is stopped."
    return sent + ("its handler was called." if before.catches(number) else "nothing.")


def gone_too(
    target: Sighting, earlier: Sequence[Sighting], now: Sequence[Sighting]
) -> str:
    """Say who else has ended since a signal to `target`, and why."""
    states = {seen.pid: seen.state for seen in now}
    others = [seen for seen in earlier if seen.pid != target.pid]
    alive = [seen for seen in others if seen.state != "Z"]
    killed = [seen for seen in alive if states.get(seen.pid, "Z") == "Z"]
    reaped = [seen for seen in others if seen.state == "Z" and seen.pid not in states]
    if not killed:
        return ""
    if not target.is_first:
        # The family asks for that, so that nobody of it is ever left behind.
        return f"{_names(killed)} asked for SIGKILL when the parent ends, and got it."
    said = f"The kernel then killed all the others with SIGKILL: {_names(killed)}."
    said += f"  It reaped {_names(reaped)}." if reaped else ""
    return f"{said}  A PID namespace ends with its PID 1."


def _names(seen: Sequence[Sighting]) -> str:
    return " and ".join(", ".join(one.name for one in seen).rsplit(", ", 1))
