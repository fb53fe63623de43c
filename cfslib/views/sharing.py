"""sharing: which processes share which namespaces.

Two processes share a namespace if their links in /proc/PID/ns show the same inode.
Equal inodes have the same letter; the letters start anew in each column, because a
letter in one has nothing to do with the same one in another.  What is not shared with
the first row has the colour of its column.

The kernel shows these links only to those who may look into the process.  A
container's PID 1 lets nobody do so but root of the host: a row then says that it is
hidden, and never that it has none.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import ipywidgets

from cfslib.isolation.namespaces import Namespace
from cfslib.observe.sightings import Sighting
from cfslib.views import style
from cfslib.views.page import Markup, element, kind_badge, letter, page, table
from cfslib.views.widget import View, button, checkbox, row

# What people call them, and what was seen of them.
Rows = Sequence[tuple[str, Sighting]]
KINDS = tuple(getattr(Namespace, name) for name in style.KINDS)
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
        kind: _numbered([seen.namespaces[kind] for _, seen in rows]) for kind in KINDS
    }
    return page(
        table(
            "In one column, the same letter is the same namespace",
            ["process", "pid", *map(kind_badge, KINDS)],
            ([who, seen.pid, *_cells(seen, numbers)] for who, seen in rows),
        ),
        element("p", summary(rows)),
    )


def summary(rows: Rows) -> str:
    """Say in a sentence who shares what with the first, for those who cannot see it."""
    said = [_compared(who, rows[0][1], seen) for who, seen in rows[1:]]
    return f"Compared with “{rows[0][0]}”: {' '.join(said)}" if said else ""


def _compared(who: str, first: Sighting, seen: Sighting) -> str:
    hidden = [kind for kind in KINDS if seen.namespaces[kind] is None]
    own = [str(kind) for kind in KINDS if _differs(kind, first, seen)]
    if len(hidden) == len(KINDS):
        word = (
            "has left all of them."
            if _is_dead(seen)
            else "lets nobody but root look into it."
        )
        return f"“{who}” {word}"
    more = f"; hidden: {', '.join(map(str, hidden))}" if hidden else ""
    return f"“{who}” has {', '.join(own) or 'no namespace'} of its own{more}."


def _is_dead(seen: Sighting) -> bool:
    return seen.state == "Z"  # the dead are in no namespace


def _differs(kind: Namespace, one: Sighting, other: Sighting) -> bool:
    pair = {one.namespaces[kind], other.namespaces[kind]}
    return len(pair) == 2 and None not in pair


def _numbered(inodes: Sequence[int | None]) -> dict[int, int]:
    """Give each inode a number in the order in which they appear."""
    known = [inode for inode in dict.fromkeys(inodes) if inode is not None]
    return {inode: number for number, inode in enumerate(known)}


def _cells(
    seen: Sighting, numbers: Mapping[Namespace, Mapping[int, int]]
) -> list[Markup]:
    return [_cell(seen, kind, numbers[kind]) for kind in KINDS]


def _cell(seen: Sighting, kind: Namespace, numbers: Mapping[int, int]) -> Markup:
    inode = seen.namespaces[kind]
    if inode is None:
        sign, word = ("-", "left") if _is_dead(seen) else ("?", "hidden")
        return element("span", sign, class_="cfs-faint", title=word)
    number = numbers[inode]
    colour = style.namespace_class(kind) if number else "cfs-as-first"
    sign = element("b", letter(number))
    title = f"inode {inode}"
    return element("span", sign, class_=f"cfs-badge {colour}", title=title)
