"""durations: how long things took, as a picture with a bar for each.

It is no widget and brings its own ground and colours, so that it can be saved in a
notebook and seen anywhere.  Where a page refuses pictures there is the same in text.
"""

from base64 import b64encode
from collections.abc import Mapping

from cfslib.views.page import Markup, element, svg
from cfslib.views.style import NAMESPACES

LINE, LETTER, BAR = 26, 7.6, 300  # pixels: a row, a letter at most, the longest bar
GREY = "#8c8c8c"  # of what is no namespace
_SHEET = """
text { fill: #202020; font: 13px system-ui, sans-serif; }
.ground { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f0f0; }
  .ground { fill: #1c1c1c; }
}
"""


class Bars:
    """Durations in microseconds, as something that a notebook shows."""

    def __init__(self, costs: Mapping[str, float]) -> None:
        self.costs = dict(costs)

    def __repr__(self) -> str:
        return to_text(self.costs)

    def _repr_html_(self) -> str:
        return to_html(self.costs)


def bars(costs: Mapping[str, float]) -> Bars:
    """Return durations in microseconds, to be shown by a notebook."""
    return Bars(costs)


def to_text(costs: Mapping[str, float]) -> str:
    """Return names and numbers, one below the other."""
    width = max(map(len, costs))
    return "\n".join(f"{name:<{width}} {us:>9,.0f} us" for name, us in costs.items())


def to_html(costs: Mapping[str, float]) -> Markup:
    """Return the picture as an image, which says in words what it shows.

    JupyterLab makes an image of a bare SVG as well, but one without words.
    """
    said = ", ".join(f"{name}: {us:,.0f} microseconds" for name, us in costs.items())
    data = b64encode(to_svg(costs).encode()).decode()
    return element("img", alt=said, src=f"data:image/svg+xml;base64,{data}")


def to_svg(costs: Mapping[str, float]) -> Markup:
    """Return the picture, bars to the scale of the longest."""
    longest = max(costs.values())
    names = round(max(map(len, costs)) * LETTER) + 10
    height = LINE * len(costs) + 12
    drawn = (
        _row(name, us, us / longest, names, 8 + LINE * n)
        for n, (name, us) in enumerate(costs.items())
    )
    ground = element("rect", width="100%", height="100%", rx=6, class_="ground")
    sheet = element("style", Markup(_SHEET))
    width = names + 100 + BAR + 10
    return svg(width, height, "How long it took", sheet, ground, *drawn)


def _row(name: str, us: float, share: float, names: int, y: int) -> Markup:
    return element(
        "g",
        element("title", f"{name}: {share:.0%} of the longest"),
        element("text", name, x=8, y=y + 16),
        element("text", f"{us:,.0f} us", x=names + 88, y=y + 16, text_anchor="end"),
        element(
            "rect", x=names + 100, y=y + 3, width=max(1, round(share * BAR)),
            height=16, rx=3, fill=NAMESPACES.get(name, GREY),
        ),
    )  # fmt: skip
