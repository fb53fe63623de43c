"""11-seccomp: a filter between a process and the kernel."""

from cfslib.views.drawing import arrow, box, lines, middle, picture, pill, text
from cfslib.views.page import Markup


def between() -> Markup:
    """Return a call on its way through the filter, and the answers there are."""
    return picture(
        262,
        "A process asks the kernel by system calls.  Between the two stands a filter.  "
        "It sees the number of the call and six arguments.  What it answers: make the "
        "call; do not, and say that it failed; ask another process; end the process.",
        pill(20, 66, "a process", 110),
        arrow((130, 81), (226, 81)),
        middle(178, 70, "uname?", "code"),
        box(230, 34, 170, 136, class_="strong"),
        text(244, 58, "a filter", "bold"),
        lines(244, 84, "ld [nr]", "jeq #63, 2, 3", "ret ERRNO", "ret ALLOW",
              class_="code"),
        arrow((400, 81), (516, 81)),
        middle(456, 70, "ALLOW", "code"),
        box(520, 34, 120, 136, "the kernel", "bold"),
        arrow((230, 138), (75, 138), (75, 98)),
        text(88, 128, "ERRNO", "code"),
        text(88, 158, "“not permitted”", "small soft"),
        arrow((350, 170), (350, 214), (476, 214)),
        text(362, 196, "USER_NOTIF", "code"),
        pill(480, 199, "a supervisor", 130),
        arrow((290, 170), (290, 232), (60, 232), (60, 98), class_="dashed"),
        text(76, 224, "KILL: the end", "code"),
    )  # fmt: skip
