"""02-pid: one process, and its number on every level."""

from cfslib.views.drawing import (
    arrow,
    box,
    middle,
    picture,
    pill,
    text,
    tile,
    wall,
    wire,
)
from cfslib.views.page import Markup, element, join
from cfslib.views.style import NAMESPACES

COLOUR = NAMESPACES["PID"]


def number_one() -> Markup:
    """Return a family of processes, of which two have a second number."""
    return picture(
        246,
        "On the host: process 1 is systemd, its child 812 is bash, and its children "
        "7002 and 7003 are your program and its child.  A PID namespace is around "
        "these two, and in there they are number 1 and number 2.",
        wall("PID", 20, 30, 620, 196),
        text(110, 58, "the host counts all four", "bold"),
        pill(40, 114, "1  systemd", 112),
        arrow((152, 129), (180, 129)),
        pill(182, 114, "812  bash", 108),
        wall("PID", 340, 80, 284, 128),
        text(430, 102, "here it starts at 1", "small soft"),
        arrow((290, 129), (356, 129)),
        _two_numbers(358, 114, "7002", "1"),
        text(490, 134, "your program", "small"),
        arrow((404, 144), (404, 164)),
        _two_numbers(358, 166, "7003", "2"),
        text(490, 186, "its child", "small"),
    )


def _two_numbers(x: float, y: float, outside: str, inside: str) -> Markup:
    """Return a process: its number outside, and in colour that inside."""
    half = f"M{x + 74} {y}h32a15 15 0 0 1 0 30h-32z"
    return join(
        pill(x, y, "", 120),
        element("path", d=half, fill=COLOUR),
        middle(x + 39, y + 20, outside),
        element(
            "text", inside, x=x + 94, y=y + 20, class_="middle bold", style="fill: #000"
        ),
    )


def levels() -> Markup:
    """Return the four processes of three nested levels, and all their numbers."""
    family = ("first parent", "its child", "its child", "this one")
    return picture(
        266,
        "Four processes and their numbers.  First parent: 7001 on the host.  Its "
        "child: 7002 on the host, 1 on level 1.  The child of that: 7003, 2 on level "
        "1, 1 on level 2.  The child of that: 7004, 3 on level 1, 2 on level 2, 1 on "
        "level 3.",
        *(_rail(level) for level in range(4)),
        *(
            join(
                text(30 + 22 * n, 88 + 48 * n, who, "bold" if n == 3 else ""),
                wire((188, 83 + 48 * n), (_x(n), 83 + 48 * n)),
                *(_knot(n, level) for level in range(n + 1)),
            )
            for n, who in enumerate(family)
        ),
    )


def _x(level: int) -> int:
    return 236 + 120 * level


def _rail(level: int) -> Markup:
    x = _x(level)
    return join(
        middle(x, 32, "host", "bold")
        if level == 0
        else join(tile("PID", x - 54, 15, 46), text(x - 2, 32, f"level {level}")),
        wire((x, 48), (x, 246), class_="faint dashed"),
    )


def _knot(child: int, level: int) -> Markup:
    x, y = _x(level) - 32, 68 + 48 * child
    number = 7001 + child if level == 0 else child - level + 1
    if level == 0:
        return box(x, y, 64, 30, str(number))
    return join(
        element("rect", x=x, y=y, width=64, height=30, rx=6, fill=COLOUR),
        element(
            "text",
            number,
            x=_x(level),
            y=y + 20,
            class_="middle bold",
            style="fill: #000",
        ),
    )
