"""07-cgroups: groups are a tree, and what is in them counts upwards."""

from cfslib.views.drawing import box, picture, pill, text, wire
from cfslib.views.page import Markup, join


def a_tree() -> Markup:
    """Return a tree of groups, with limits at one and processes at the leaves."""
    return picture(
        304,
        "The groups of a machine are a tree of directories.  In the group box, with "
        "pids.max 20 and memory.max 64 MB, is a group inner, and in that are three "
        "processes.  They count in inner, in box, and at the top.  A process in the "
        "group desk, beside it, does not count in box.",
        _group(20, 106, 194, "/sys/fs/cgroup", "the whole machine"),
        wire((214, 142), (240, 142), (240, 74), (262, 74)),
        wire((240, 142), (240, 216), (262, 216)),
        _group(262, 28, 184, "box", "pids.max 20", "memory.max 64 MB"),
        _group(262, 180, 184, "desk", "no limits"),
        wire((446, 62), (470, 62)),
        _group(470, 28, 170, "inner", "3 of 20 processes"),
        *(pill(x, y, "process", 80) for x, y in ((470, 112), (560, 112), (515, 150))),
        pill(470, 201, "process", 80),
        wire((446, 216), (470, 216), class_="faint dashed"),
        text(20, 286, "A namespace: what a process sees.  A group: how much it uses."),
    )


def _group(x: float, y: float, width: float, name: str, *about: str) -> Markup:
    return join(
        box(x, y, width, 44 + 24 * len(about)),
        text(x + 14, y + 28, name, "code bold"),
        *(text(x + 14, y + 52 + 24 * n, line, "small") for n, line in enumerate(about)),
    )
