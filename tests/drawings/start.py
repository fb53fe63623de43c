"""00-start-here and README.md: one machine, seen from outside and from inside."""

from cfslib.views.drawing import arrow, box, lines, middle, picture, text, tile
from cfslib.views.page import Markup, join

LEFT, RIGHT, WIDE, ROW = 20, 400, 240, 38


def two_views() -> Markup:
    """Return the host and the container, with what stands between them.

    What the container sees is asked later, so it is not told here.
    """
    rows = (
        ("name", "your machine's", "UTS", "?"),
        ("processes", "hundreds", "PID", "?"),
        ("mounts", "/, /home, …", "MNT", "?"),
        ("user", "you", "USER", "?"),
    )
    return picture(
        286,
        "What you see on the host, and what a container sees.  UTS stands between the "
        "two names of the machine, PID between the processes, MNT between the mounts, "
        "USER between the users.  What the container sees is not known yet.  Below "
        "both is one kernel.",
        _both("what you see, on the host", "what a container sees", len(rows)),
        *(_row(n, *row) for n, row in enumerate(rows)),
        box(LEFT, 236, 620, 34, "one kernel"),
    )


def readme() -> Markup:
    """Return the same with numbers, and a limit."""
    rows = (
        ("hostname", "laptop", "UTS", "cfs-container"),
        ("processes", "1, 2, … 27405", "PID", "1 cfs, 2 ps"),
        ("mounts", "/, /home, …", "MNT", "/ and a few"),
        ("user", "1000 you", "USER", "0 root"),
        ("at most", "what fits", "", "20 processes"),
    )
    return picture(
        324,
        "Host and container.  UTS: the hostname laptop is cfs-container inside.  PID: "
        "of the processes 1 to 27405, the container sees 1 cfs and 2 ps.  MNT: of all "
        "mounts, / and a few.  USER: user 1000, you, is 0, root.  A limit: instead of "
        "as many processes as fit, 20 at most.  Below both is one kernel.",
        _both("host", "container", len(rows)),
        *(_row(n, *row) for n, row in enumerate(rows)),
        box(LEFT, 274, 620, 34, "one kernel"),
    )


def _both(host: str, container: str, rows: int) -> Markup:
    height = 18 + ROW * rows
    return join(
        middle(LEFT + WIDE / 2, 32, host, "bold"),
        middle(RIGHT + WIDE / 2, 32, container, "bold"),
        box(LEFT, 46, WIDE, height),
        box(RIGHT, 46, WIDE, height, class_="strong"),
    )


def _row(n: int, what: str, outside: str, kind: str, inside: str) -> Markup:
    y = 76 + ROW * n
    return join(
        text(LEFT + 14, y, what, "soft small"),
        text(LEFT + 98, y, outside),
        arrow((LEFT + WIDE, y - 5), (RIGHT, y - 5)),
        tile(kind, 294, y - 17) if kind else box(294, y - 17, 64, 24, "limit", "small"),
        text(RIGHT + 14, y, what, "soft small"),
        text(RIGHT + 98, y, inside),
    )


def cost() -> Markup:
    """Return what 20-how-fast measures: the way of a process into its box."""
    steps = (
        ("a process", "clone"),
        ("namespaces", "UTS, PID, …"),
        ("mounts", "some twenty"),
        ("a program", "exec"),
        ("the end", "all of it goes"),
    )
    return picture(
        148,
        "The start of a container on a line of time: a process, its namespaces, its "
        "mounts, the program, and the end, when all of it goes.  How long each of "
        "them takes is not known yet.",
        arrow((20, 90), (652, 90)),
        text(20, 32, "What takes how long?", "bold"),
        *(_step(20 + 124 * n, *step) for n, step in enumerate(steps)),
    )


def _step(x: float, what: str, how: str) -> Markup:
    return join(
        box(x, 52, 118, 76),
        lines(x + 59, 80, what, class_="middle bold small"),
        lines(x + 59, 98, how, class_="middle tiny soft"),
        lines(x + 59, 118, "? µs", class_="middle small"),
    )
