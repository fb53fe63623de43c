"""drawing: pictures that are files: with their own ground, in both themes, on paper.

A page shows such a file as an image, which inherits no colour and no font.  So it
brings all that it needs.  It follows the theme of the page; what is printed is light.
A coloured wall with the name of a kind on it is a namespace, a box is a thing, and a
pill is a process.

The fonts are those of the reader's machine.  What fits in DejaVu Sans, the widest of
them, fits in all.
"""

from cfslib.views.page import Child, Markup, element, join
from cfslib.views.style import NAMESPACES, letters_on

WIDTH = 660  # of the canvas
SHOWN = 0.9  # of that; where there is less room, the words can still be read
LIGHT = {
    "panel": "#f6f8fa",
    "box": "#ffffff",
    "ink": "#1f2328",
    "soft": "#59636e",
    "line": "#818b98",
}
DARK = {
    "panel": "#161b22",
    "box": "#0d1117",
    "ink": "#e6edf3",
    "soft": "#9da7b3",
    "line": "#6e7681",
}


def _names(palette: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in palette.items())


SHEET = f"""
svg {{ {_names(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ svg {{ {_names(DARK)} }} }}
text {{ font: 17px system-ui, sans-serif; fill: var(--ink); }}
.code {{ font: 16px ui-monospace, monospace; }}
.small {{ font-size: 15px; }}
.soft {{ fill: var(--soft); }}
.tiny {{ font-size: 14px; }}
.least {{ font-size: 13px; }}
.bold {{ font-weight: 600; }}
.middle {{ text-anchor: middle; }}
.end {{ text-anchor: end; }}
.panel {{ fill: var(--panel); }}
.box {{ fill: var(--box); stroke: var(--line); stroke-width: 1.5; }}
.strong {{ stroke: var(--ink); stroke-width: 2; }}
.wall {{ fill: var(--box); stroke-width: 3; }}
.wire {{ stroke: var(--ink); stroke-width: 1.5; fill: none; }}
.faint {{ stroke: var(--line); }}
.dashed {{ stroke-dasharray: 5 4; }}
.tip {{ fill: var(--ink); }}
"""
TIP = element(
    "marker",
    element("path", d="M0 0 10 5 0 10z", class_="tip"),
    id="tip", viewBox="0 0 10 10", refX=10, refY=5,
    markerWidth=9, markerHeight=9, markerUnits="userSpaceOnUse",
    orient="auto-start-reverse",
)  # fmt: skip


def picture(height: int, title: str, *children: Child) -> Markup:
    """Return a file.  The title is all that somebody who does not see it gets."""
    size = {"width": round(WIDTH * SHOWN), "height": round(height * SHOWN)}
    return element(
        "svg",
        element("title", title),
        element("style", Markup(SHEET)),
        element("defs", TIP),
        element("rect", width=WIDTH, height=height, rx=10, class_="panel"),
        *(join("\n", child) for child in children),
        "\n",
        xmlns="http://www.w3.org/2000/svg", role="img",
        viewBox=f"0 0 {WIDTH} {height}", **size,
    )  # fmt: skip


def text(x: float, y: float, words: Child, class_: str = "") -> Markup:
    """Return a line of text; `y` is where its letters stand."""
    return element("text", words, x=x, y=y, class_=class_ or None)


def middle(x: float, y: float, words: Child, class_: str = "") -> Markup:
    """Return a line of text around `x`."""
    return text(x, y, words, f"middle {class_}".strip())


def lines(x: float, y: float, *words: Child, class_: str = "") -> Markup:
    """Return lines of text, one below the other."""
    return join(*(text(x, y + 20 * n, line, class_) for n, line in enumerate(words)))


def box(
    x: float, y: float, width: float, height: float, words: Child = "", class_: str = ""
) -> Markup:
    """Return a thing, with its name in its middle."""
    shape = element(
        "rect", x=x, y=y, width=width, height=height, rx=6,
        class_="box dashed" if "dashed" in class_ else
        "box strong" if "strong" in class_ else "box",
    )  # fmt: skip
    kept = " ".join(w for w in class_.split() if w not in ("dashed", "strong"))
    name = middle(x + width / 2, y + height / 2 + 5, words, kept) if words else ""
    return join(shape, name)


def tile(kind: str, x: float, y: float, width: float = 64) -> Markup:
    """Return the name of a kind of namespace in its colour, 24 high."""
    colour = NAMESPACES[kind]
    return join(
        element("rect", x=x, y=y, width=width, height=24, rx=4, fill=colour),
        element(
            "text", kind, x=x + width / 2, y=y + 17, class_="middle bold small",
            style=f"fill: {letters_on(colour)}",
        ),
    )  # fmt: skip


def wall(
    kind: str, x: float, y: float, width: float, height: float, name: Child = ""
) -> Markup:
    """Return a namespace: a wall in its colour, and on top of it the kind."""
    colour = NAMESPACES[kind]
    shape = element(
        "rect", x=x, y=y, width=width, height=height, rx=8, class_="wall", stroke=colour
    )
    label = middle(x + width / 2, y + height / 2 + 7, name, "code") if name else ""
    return join(shape, tile(kind, x + 14, y - 12), label)


def pill(
    x: float, y: float, words: Child, width: float = 90, class_: str = ""
) -> Markup:
    """Return a process, 30 high."""
    shape = element(
        "rect", x=x, y=y, width=width, height=30, rx=15, class_="box strong"
    )
    return join(shape, middle(x + width / 2, y + 20, words, class_) if words else "")


def arrow(*points: tuple[float, float], class_: str = "") -> Markup:
    """Return an arrow along some points, its tip at the last one."""
    return wire(*points, class_=class_, tip=True)


def wire(*points: tuple[float, float], class_: str = "", tip: bool = False) -> Markup:
    """Return a line along some points."""
    steps = " L".join(f"{x:g} {y:g}" for x, y in points)
    end = "url(#tip)" if tip else None
    return element(
        "path", d=f"M{steps}", class_=f"wire {class_}".strip(), marker_end=end
    )
