"""05-cfs-run: two processes, and what each of them does."""

from cfslib.views.drawing import (
    arrow,
    box,
    picture,
    text,
    tile,
    wall,
    wire,
)
from cfslib.views.page import Markup, join

STEPS = (
    "give the machine a name",
    "keep mounts from leaking",
    "change the root, with a new /proc",
    "exec: become the program",
)


def run_and_become() -> Markup:
    """Return the one that waits on the host, and the one that goes in."""
    return picture(
        348,
        "Two processes.  On the host, run asks for UTS, PID and MNT with unshare, "
        "forks, and waits.  Its child, become, is PID 1 in a world of its own.  It "
        "gives the machine a name, keeps mounts from leaking, changes the root, with "
        "a new /proc, and with exec becomes the program.  When that ends, run has "
        "waited for it.",
        text(30, 36, "run", "code bold"),
        text(30 + 44, 36, "stays on the host", "soft small"),
        text(292, 112, "become", "code bold"),
        text(292 + 70, 112, "goes in", "soft small"),
        box(30, 50, 210, 64),
        text(44, 72, "unshare", "code"),
        *(
            tile(kind, 44 + 62 * n, 82, 56)
            for n, kind in enumerate(("UTS", "PID", "MNT"))
        ),
        arrow((135, 115), (135, 137)),
        box(30, 138, 210, 36, "fork", "code"),
        arrow((240, 156), (290, 156)),
        wire((135, 175), (135, 289), class_="dashed", tip=True),
        box(30, 290, 210, 36, "wait", "code"),
        wall("PID", 292, 138, 348, 188),
        text(372, 164, "PID 1 in a world of its own", "bold small"),
        *(_step(n, words) for n, words in enumerate(STEPS)),
        arrow((290, 308), (242, 308)),
        text(308, 313, "the program ends", "small soft"),
    )


def _step(n: int, words: str) -> Markup:
    y = 192 + 28 * n
    return join(text(308, y, str(n + 1), "bold"), text(332, y, words))


def rooms() -> Markup:
    """Return the rooms of the package, each on top of what it uses."""
    rows = (
        (20, ((20, 170, "cli"), (200, 440, "views"))),
        (64, ((200, 440, "lessons"),)),
        (108, ((20, 170, "builder"), (200, 205, "doctor"), (415, 225, "observe"))),
        (152, ((20, 620, "runtime"),)),
        (196, ((20, 200, "isolation"), (230, 200, "images"), (440, 200, "children"))),
        (240, ((20, 620, "kernel"),)),
    )
    bricks = [
        box(x, y, width, 80 if name == "cli" else 36, name, "code")
        for y, row in rows
        for x, width, name in row
    ]
    return picture(
        296,
        "The rooms of cfslib as a wall of bricks.  From the top: cli beside views, "
        "which stands on lessons; builder, doctor and observe side by side; runtime; "
        "isolation, images and children side by side; kernel below all.",
        *bricks,
    )
