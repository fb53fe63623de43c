"""03-mount: whose table a mount is in."""

from cfslib.views.drawing import arrow, box, middle, picture, text, wall, wire
from cfslib.views.page import Markup, element, join
from cfslib.views.style import NAMESPACES

LEFT, RIGHT, WIDE = 16, 386, 258


def who_sees_it() -> Markup:
    """Return the question of the chapter: a new mount, and two tables."""
    return picture(
        232,
        "Two mount namespaces, the host's and a container's, each with a table of "
        "mounts: /, /proc.  The container mounts a tmpfs on /mnt.  Does the host see "
        "it?",
        _table(LEFT, "the host", 150),
        _table(RIGHT, "a container", 150),
        _row(LEFT, 0, "/", "disk"),
        _row(LEFT, 1, "/proc", "proc"),
        _row(LEFT, 2, "/mnt", "?", "dashed"),
        _row(RIGHT, 0, "/", "disk"),
        _row(RIGHT, 1, "/proc", "proc"),
        _row(RIGHT, 2, "/mnt", "tmpfs", "new"),
        arrow((RIGHT, 168), (LEFT + WIDE, 168), class_="dashed"),
        middle(330, 158, "seen here,", "small"),
        middle(330, 190, "too?", "small"),
        text(RIGHT + 14, 220, "mounted just now", "small soft"),
    )


def two_tables() -> Markup:
    """Return a table, and a copy of it with one row more."""
    return picture(
        214,
        "Our table: / is a disk, /proc is proc.  The child's table: / is the same "
        "disk, /proc is the same proc, and /mnt is a tmpfs, which is in this table "
        "only.",
        _table(LEFT, "our table", 150),
        _table(RIGHT, "the child's table", 150),
        _row(LEFT, 0, "/", "disk"),
        _row(LEFT, 1, "/proc", "proc"),
        _row(RIGHT, 0, "/", "disk"),
        _row(RIGHT, 1, "/proc", "proc"),
        _row(RIGHT, 2, "/mnt", "tmpfs, only here", "new"),
        wire((LEFT + WIDE, 84), (RIGHT, 84), class_="dashed"),
        middle(330, 76, "same disk", "small"),
        wire((LEFT + WIDE, 126), (RIGHT, 126), class_="dashed"),
        middle(330, 118, "same proc", "small"),
    )


def wires() -> Markup:
    """Return a mount, its copy, and a new one below the copy."""
    return picture(
        232,
        "A child plays the host and mounts a tmpfs on /mnt, perhaps as shared.  Its "
        "own child plays the container, and has a copy of that.  The container mounts "
        "another tmpfs on /mnt/below.  Does it show up in the table of the host?",
        _table(LEFT, "the child: “host”", 150),
        _table(RIGHT, "its child: “container”", 150),
        _row(LEFT, 0, "/mnt", "tmpfs, shared?"),
        _row(RIGHT, 0, "/mnt", "a copy of that"),
        arrow((LEFT + WIDE, 84), (RIGHT, 84)),
        middle(330, 76, "1. copied", "small"),
        _row(RIGHT, 2, "/mnt/below", "tmpfs", "new"),
        _row(LEFT, 2, "/mnt/below", "?", "dashed"),
        arrow((RIGHT, 168), (LEFT + WIDE, 168), class_="dashed"),
        middle(330, 158, "3. does it", "small"),
        middle(330, 190, "show up?", "small"),
        text(RIGHT + 14, 220, "2. mounted here", "small soft"),
    )


def _table(x: float, name: str, height: float) -> Markup:
    return join(wall("MNT", x, 46, WIDE, height), text(x, 24, name, "bold"))


def _row(x: float, n: int, place: str, kind: str, class_: str = "") -> Markup:
    """Return a mount: where it is seen, and what it is."""
    y, colour = 66 + 42 * n, NAMESPACES["MNT"]
    new = class_ == "new"
    ink = "fill: #000" if new else None
    return join(
        box(x + 12, y, WIDE - 24, 36, class_="" if new else class_),
        element("rect", x=x + 12, y=y, width=WIDE - 24, height=36, rx=6, fill=colour)
        if new
        else "",
        element("text", place, x=x + 24, y=y + 23, class_="code", style=ink),
        element("text", kind, x=x + WIDE - 24, y=y + 23, class_="small end", style=ink),
    )
