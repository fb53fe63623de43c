"""climb_steps: where / and . are, after each call of the way out of a changed root."""

from collections.abc import Mapping, Sequence

from cfslib.observe.climb import PLACES, Where
from cfslib.views import steps
from cfslib.views.page import Markup, element, join, svg
from cfslib.views.steps import Step
from cfslib.views.style import NAMESPACES
from cfslib.views.widget import View

WIDTH, LINE, INDENT = 700, 52, 46


def view(stories: Mapping[str, Sequence[Where]]) -> View:
    """Return the climb, one story for each way to be locked in."""
    told = {
        name: [Step(steps.titled(now.call), now.story, picture(now)) for now in story]
        for name, story in stories.items()
    }
    return steps.view("The climb", told, "Locked in by")


def picture(now: Where) -> Markup:
    """Return the tree of directories, with the two from which paths start."""
    there = PLACES[2:] if now.cut else PLACES
    said = f"/ is {now.root}, and . is {now.cwd}, by their paths on the host."
    said += " The host's tree is gone." if now.cut else ""
    return svg(
        WIDTH,
        LINE * len(PLACES) + 12,
        said,
        *(_place(path, n, now, path in there) for n, path in enumerate(PLACES)),
        element(
            "text",
            "green: in reach of paths that begin with /",
            x=400,
            y=188,
            class_="cfs-in",
        ),
    )


def _place(path: str, number: int, now: Where, is_there: bool) -> Markup:
    x, y = 4 + INDENT * number, 8 + LINE * number
    reached = path == now.root or path.startswith(now.root.rstrip("/") + "/")
    way = f"M{x - INDENT + 18} {y - LINE + 36} V{y + 18} h{INDENT - 18}"
    branch = element("path", d=way, class_="cfs-stroke")
    box = element(
        "rect", x=x, y=y, width=170, height=36, rx=6, class_="cfs-knot",
        style=f"fill: {NAMESPACES['MNT'] if reached else 'var(--cfs-raised)'}",
        stroke_dasharray=None if is_there else "4 4", stroke_width=1.5,
    )  # fmt: skip
    label = element(
        "text", path, x=x + 12, y=y + 23,
        class_="cfs-code cfs-bold " + ("cfs-on" if reached else "cfs-in"),
        text_decoration=None if is_there else "line-through",
    )  # fmt: skip
    flags = [name for name, where in (("/", now.root), (".", now.cwd)) if where == path]
    return element(
        "g",
        branch if number > (2 if now.cut else 0) else "",
        box,
        label,
        *(_flag(name, x + 186 + 102 * n, y) for n, name in enumerate(flags)),
        opacity=None if is_there else 0.55,
    )


def _flag(name: str, x: int, y: int) -> Markup:
    """Draw a sign that points at a directory: the root, or the current one."""
    word = {"/": "root  /", ".": "cwd  ."}[name]
    shape = f"M{x} {y + 18} l14 -14 h76 v28 h-76 z"
    root = name == "/"
    return join(
        element("path", d=shape, class_="cfs-inverse" if root else "cfs-knot",
                style=None if root else "fill: var(--cfs-ground)"),
        element(
            "text", word, x=x + 50, y=y + 23, text_anchor="middle",
            class_="cfs-bold " + ("cfs-on-inverse" if root else "cfs-in"),
        ),
    )  # fmt: skip
