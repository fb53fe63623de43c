"""The strip at the top of a chapter: what the container has to itself so far."""

from cfslib.views.drawing import picture, text
from cfslib.views.page import Markup, element, join
from cfslib.views.style import KINDS, NAMESPACES, letters_on

WORDS = ("name", "pids", "mounts", "users", "network", "queues", "groups", "clocks")
ROOT = "/"  # no namespace, but a wall as well
# What is new in each chapter, and what that is in words.
CHAPTERS = {
    "00": ((), "Dashed is shared with the host.  So far we have built nothing."),
    "01": (("UTS", "USER"), "New: a host name, and users, since they allow the rest."),
    "02": (("PID",), "New: process ids.  What is dashed is shared with the host."),
    "03": (("MNT",), "New: mounts.  What is dashed is shared with the host."),
    "04": ((ROOT,), "New: a directory as /.  That is a wall, but no namespace."),
    "05": (
        ("IPC", "CGROUP"),
        "New: IPC and CGROUP.  cfs run takes all these, and NET if you ask for it.",
    ),
    "06": ((), "USER is from 01.  Here it gets more than one user."),
    "07": ((), "Nothing new to see.  This chapter is about how much it may use."),
    "08": ((), "Nothing new to see.  This chapter is about the files at /."),
    "09": (("NET",), "New: a network, with nothing in it that we do not put there."),
    "10": ((), "No new namespace.  New: root inside has twelve of some forty rights."),
    "11": ((), "No new namespace: a filter in front of the kernel, for each call."),
    "12": ((), "No new namespace.  New is somebody who comes in later."),
    "20": ((), "All that cfs run takes, but NET: that it shares, unless asked not to."),
}
# Two rows of four: in a narrow window one row of eight is too small to read.
LEFT, TOP, WIDE, HIGH, ROW = 10, 12, 138, 44, 4
ACROSS, DOWN = WIDE + 6, HIGH + 11


def strip(chapter: str) -> Markup:
    """Return the strip of one chapter."""
    there, new = has(chapter), CHAPTERS[chapter][0]
    tiles = [
        _tile(kind, word, *_place(n), (WIDE, HIGH), kind in there, kind in new)
        for n, (kind, word) in enumerate(zip(KINDS, WORDS, strict=True))
    ]
    size = (64, DOWN + HIGH)
    beside = LEFT + ACROSS * ROW
    root = _tile(ROOT, "root", beside, TOP, size, ROOT in there, ROOT in new)
    caption = text(LEFT + 2, 141, CHAPTERS[chapter][1], "small")
    return picture(152, title(chapter), *tiles, root, caption)


def _place(number: int) -> tuple[int, int]:
    """Return the left and the top of the tile of a kind."""
    return LEFT + ACROSS * (number % ROW), TOP + DOWN * (number // ROW)


def has(chapter: str) -> list[str]:
    """Return all that the container has to itself at the end of a chapter."""
    return [
        kind
        for name, (new, _) in CHAPTERS.items()
        for kind in new
        if int(name) <= int(chapter)
    ]


def title(chapter: str) -> str:
    """Say what the strip says."""
    kinds = [kind for kind in KINDS if kind in has(chapter)]
    root = ", and a root directory" if ROOT in has(chapter) else ""
    own = f"{', '.join(kinds) or 'nothing'}{root}"
    return f"What the container has to itself so far: {own}."


def _tile(
    kind: str, word: str, x: int, y: int, size: tuple[int, int], own: bool, new: bool
) -> Markup:
    colour = NAMESPACES.get(kind, "var(--ink)")
    on = letters_on(colour) if kind in NAMESPACES else "var(--panel)"
    ink = f"fill: {on}" if own else None
    style = f"fill: {colour}; stroke: {colour}" if own else None
    width, height = size
    centre, middle = x + width / 2, y + height / 2
    return join(
        element(
            "rect", x=x, y=y, width=width, height=height, rx=6, style=style,
            class_="box" if own else "box dashed",
        ),
        _word(centre, middle - 3, kind, "bold", ink),
        _word(centre, middle + 16, word, "", ink),
        element("rect", x=x, y=y + height + 4, width=width, height=3, class_="tip")
        if new
        else "",
    )  # fmt: skip


def _word(x: float, y: float, word: str, size: str, ink: str | None) -> Markup:
    class_ = " ".join(filter(None, ("middle", size, "" if ink else "soft")))
    return element("text", word, x=x, y=y, class_=class_, style=ink)
