"""01-hostname: who points to which name, and who owns it."""

from cfslib.views.drawing import arrow, middle, picture, pill, text, wall, wire
from cfslib.views.page import Markup


def two_names() -> Markup:
    """Return processes, each with a pointer to a UTS namespace."""
    shared = ("your shell", "this notebook", "all the others")
    return picture(
        264,
        "Your shell, this notebook and all the other processes point to one UTS "
        "namespace, in which the name is your-laptop.  A container points to another "
        "one, in which it is cfs-container.",
        text(30, 32, "processes", "soft small"),
        text(416, 32, "namespaces", "soft small"),
        *(pill(30, 50 + 44 * n, who, 150) for n, who in enumerate(shared)),
        *(wire((180, 65 + 44 * n), (300, 109)) for n in range(3)),
        arrow((300, 109), (400, 109)),
        wall("UTS", 402, 74, 228, 70, "your-laptop"),
        pill(30, 202, "a container", 150),
        arrow((180, 217), (400, 217)),
        wall("UTS", 402, 182, 228, 70, "cfs-container"),
    )


def owners() -> Markup:
    """Return two user namespaces, and what belongs to each."""
    return picture(
        218,
        "The host's user namespace owns the host's UTS namespace.  Our user namespace "
        "is a child of the host's, and owns our UTS namespace.",
        wall("USER", 30, 40, 230, 56),
        middle(145, 76, "the host's"),
        arrow((262, 68), (398, 68)),
        middle(330, 60, "owns", "small"),
        wall("UTS", 400, 40, 230, 56),
        middle(515, 76, "the host's"),
        wire((50, 97), (50, 174), (78, 174), tip=True),
        text(60, 124, "made by us", "small soft"),
        wall("USER", 80, 146, 180, 56),
        middle(170, 182, "ours"),
        arrow((262, 174), (398, 174)),
        middle(330, 166, "owns", "small"),
        wall("UTS", 400, 146, 230, 56),
        middle(515, 182, "ours"),
    )
