"""sharing: which processes share which namespaces.

Two processes share a namespace if their links in /proc/PID/ns show the same inode.
Equal inodes have the same colour and the same letter; the letters start anew in each
column, for a letter in one has nothing to do with the same one in another.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import ipywidgets

from cfslib.isolation.namespaces import Namespace
from cfslib.observe.sightings import Sighting
from cfslib.views.page import Markup, badge, element, join, page, table
from cfslib.views.widget import View, button, checkbox, row

# What people call them, and what was seen of them.
Rows = Sequence[tuple[str, Sighting]]
PAUSE = 1  # seconds from one look to the next


def view(read: Callable[[], Rows], actions: Mapping[str, Callable[[], object]]) -> View:
    """Return the table, with a button for each action, after which it looks again.

    `Live` looks again and again: what comes and goes elsewhere is seen as well.
    """
    picture, one_at_a_time = ipywidgets.HTML(), threading.Lock()

    def draw() -> None:
        picture.value = to_html(read())

    def then_draw(action: Callable[[], object]) -> Callable[[], None]:
        def both() -> None:
            action()
            draw()

        return lambda: shown.attempt(both)

    def keep_looking() -> None:
        with one_at_a_time:  # however often the box is ticked
            while live.value:
                time.sleep(PAUSE)
                if not shown.status.value:  # an error stays until the next click
                    shown.attempt(draw)

    def start_looking(_: object) -> None:
        if live.value:
            threading.Thread(target=keep_looking, daemon=True).start()

    buttons = [button(label, then_draw(action)) for label, action in actions.items()]
    look = button("Look again", then_draw(lambda: None), icon="refresh")
    live = checkbox("Live", False)
    live.observe(start_looking, "value")
    shown = View("Who shares what", row(*buttons, look, live), picture)
    shown.attempt(draw)
    return shown


def to_html(rows: Rows) -> Markup:
    """Return the table: a process a row, a kind of namespace a column."""
    numbers = {
        kind: _numbered([seen.namespaces[kind] for _, seen in rows])
        for kind in Namespace
    }
    return page(
        table(
            "In one column, the same letter is the same namespace",
            ["process", "pid", *map(str, Namespace)],
            [
                [
                    who,
                    seen.pid,
                    *(_cell(seen, kind, numbers[kind]) for kind in Namespace),
                ]
                for who, seen in rows
            ],
        ),
        element("p", summary(rows)),
    )


def summary(rows: Rows) -> str:
    """Say in a sentence who shares what with the first, for those who cannot see it."""
    said = []
    for who, seen in rows[1:]:
        own = [str(kind) for kind in Namespace if _differs(kind, rows[0][1], seen)]
        said.append(f"“{who}” has {', '.join(own) or 'no namespace'} of its own.")
    return f"Compared with “{rows[0][0]}”: {' '.join(said)}" if said else ""


def _differs(kind: Namespace, one: Sighting, other: Sighting) -> bool:
    pair = {one.namespaces[kind], other.namespaces[kind]}
    return len(pair) == 2 and None not in pair


def _numbered(inodes: Sequence[int | None]) -> dict[int, int]:
    """Give each inode a number in the order in which they appear."""
    known = [inode for inode in dict.fromkeys(inodes) if inode is not None]
    return {inode: number for number, inode in enumerate(known)}


def _cell(seen: Sighting, kind: Namespace, numbers: Mapping[int, int]) -> Markup:
    inode = seen.namespaces[kind]
    if inode is None:
        word = "left" if seen.state == "Z" else "hidden"  # the dead are in none
        return element("i", word, class_="cfs-faint")
    return join(badge(numbers[inode], "", title=f"inode {inode}"))
