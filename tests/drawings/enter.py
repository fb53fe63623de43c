"""12-enter: what a process meets on its way into a container, and what it carries."""

from cfslib.views.drawing import arrow, box, lines, middle, picture, pill, text
from cfslib.views.page import Markup


def way_in() -> Markup:
    """Return a process before the door, in the door, and its child inside."""
    return picture(
        262,
        "On the left a process of the host, with open files, a directory, an "
        "environment and a program of its own.  It enters namespaces by setns, USER "
        "first, and is in the door then: it sees all of the container, and nobody "
        "there sees it.  Its child is inside, beside PID 1 and the command.  What did "
        "it bring along?",
        text(22, 30, "the host", "bold"),
        pill(20, 60, "a process", 120),
        lines(28, 122, "open files", "directory", "environment", "rights", "program",
              class_="soft"),
        arrow((140, 75), (256, 75)),
        middle(198, 64, "setns", "code"),
        middle(198, 98, "USER first", "small soft"),
        box(330, 34, 310, 200, class_="strong"),
        text(500, 58, "the container", "bold"),
        pill(260, 60, "in the door", 140),
        arrow((365, 90), (365, 168), (396, 168)),
        text(376, 132, "fork", "code"),
        pill(400, 153, "its child", 110),
        pill(530, 88, "1  cfs", 90),
        pill(530, 128, "2  sleep", 90),
        text(400, 212, "and what it brought along?", "small soft"),
    )  # fmt: skip
