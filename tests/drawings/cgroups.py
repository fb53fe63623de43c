"""07-cgroups: groups are a tree, and what is in them counts upwards."""

from cfslib.views.drawing import box, picture, pill, text, wire
from cfslib.views.page import Markup, join


def a_tree() -> Markup:
    """Return a tree of groups, with limits at one and processes at the leaves."""
    return picture(
        292,
        "The groups of a machine are a tree of directories.  In the group box, with "
        "pids.max 20 and memory.max 64 MB, is a group inner, and in that are three "
        "processes.  They count in inner, in box, and at the top.  A process in the "
        "group desk, beside it, does not count in box.",
        _group(20, 110, 190, "/sys/fs/cgroup", "no limits: the machine"),
        wire((210, 144), (240, 144), (240, 62), (262, 62)),
        wire((240, 144), (240, 222), (262, 222)),
        _group(262, 28, 176, "box", "pids.max 20"),
        text(276, 118, "memory.max 64 MB", "small"),
        _group(262, 188, 176, "desk", "no limits"),
        wire((438, 62), (466, 62)),
        _group(466, 28, 174, "inner", "3 of 20 processes"),
        *(pill(x, y, "process", 80) for x, y in ((466, 112), (556, 112), (511, 150))),
        pill(466, 207, "process", 80),
        wire((438, 222), (466, 222), class_="faint dashed"),
        text(20, 276, "A namespace: what a process sees.  A group: how much it uses."),
    )


def _group(x: float, y: float, width: float, name: str, about: str) -> Markup:
    return join(
        box(x, y, width, 68),
        text(x + 14, y + 28, name, "code bold"),
        text(x + 14, y + 52, about, "small"),
    )
