"""04-chroot: a root that is moved, and a root that is exchanged."""

from cfslib.views.drawing import arrow, box, middle, picture, pill, text, wall
from cfslib.views.page import Markup, join


def way_out() -> Markup:
    """Return a jail with the host's files still around it."""
    return picture(
        236,
        "The files of the host are a large box, and in it is a smaller one: the "
        "directory that chroot made the root of a process.  The process is in the "
        "small box, and the large one is still around it.  Is there a way out?",
        box(20, 20, 620, 196),
        text(36, 46, "/", "code bold"),
        text(56, 46, "the host's files", "soft small"),
        *(box(36, y, 118, 30, name, "code") for y, name in HOME),
        box(240, 62, 290, 134, class_="strong"),
        text(256, 88, "/srv/root", "code bold"),
        text(256, 108, "chroot: this is / now", "soft small"),
        *(
            box(256, y, 80, 28, name, "code")
            for y, name in ((122, "bin"), (158, "lib"))
        ),
        pill(372, 138, "a process", 120),
        arrow((492, 153), (596, 153), (596, 84), class_="dashed"),
        middle(588, 72, "a way out?", "small bold"),
    )


HOME = ((66, "etc"), (104, "home"), (142, "proc"))


def trap() -> Markup:
    """Return three directories, and the root in each of them."""
    return picture(
        214,
        "Three directories, one in the other.  Outside is /, the host's root.  In it "
        "is tools, our root: there, dot dot stops.  In that is trap.  What if this "
        "were our root?",
        box(20, 20, 620, 174),
        text(36, 46, "/", "code bold"),
        text(220, 46, "the host's root", "soft"),
        box(60, 62, 564, 116, class_="strong"),
        text(76, 88, "/tmp/…/tools", "code bold"),
        text(220, 88, "our root, where .. stops"),
        box(100, 104, 508, 58, class_="dashed"),
        text(116, 138, "trap", "code bold"),
        text(220, 138, "what if this were our root?"),
    )


def pivot() -> Markup:
    """Return the mount table in three states."""
    return picture(
        270,
        "The mount table three times.  Before: the disk is at /, and in it are proc, "
        "and tools, a bind mount.  After pivot_root: tools is the root mount, and the "
        "disk with proc in it lies on top of it.  After umount2: tools is at /, "
        "alone.",
        _stage(20, "before"),
        _disk(32, 78, 164, "/", "strong"),
        _tools(44, 164, 140, "/tmp/…/tools", "a bind mount"),
        _stage(236, "after pivot_root"),
        _tools(260, 116, 152, "/", "the root mount", "strong"),
        _disk(248, 78, 152, "/"),
        _stage(452, "after umount2"),
        _tools(470, 116, 152, "/", "the root mount", "strong"),
        arrow((208, 150), (234, 150)),
        arrow((424, 150), (450, 150)),
    )


def _stage(x: float, name: str) -> Markup:
    return join(text(x, 30, name, "bold"), wall("MNT", x, 54, 188, 200))


def _disk(x: float, y: float, width: float, place: str, class_: str = "") -> Markup:
    height = 160 if class_ else 92
    return join(
        box(x, y, width, height, class_=class_),
        text(x + 12, y + 26, place, "code bold"),
        text(x + 32, y + 26, "the disk", "small"),
        box(x + 12, y + 42, width - 24, 36),
        text(x + 24, y + 65, "/proc", "code"),
    )


def _tools(
    x: float, y: float, width: float, place: str, what: str, class_: str = ""
) -> Markup:
    height = 122 if class_ else 62
    return join(
        box(x, y, width, height, class_=class_),
        text(x + 12, y + height - 36, place, "code bold"),
        text(x + 32, y + height - 36, "tools", "small") if class_ else "",
        text(x + 12, y + height - 16, what, "small soft"),
    )
