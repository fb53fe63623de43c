"""durations: how long things took, as a table with a bar for each.

It is no widget and brings no styles, so that it can be saved in a notebook and read
anywhere: where a page refuses drawings, names and numbers are still there.
"""

from collections.abc import Mapping

from IPython.display import HTML

from cfslib.views.page import Markup, element, svg, table

_WIDTH = 320  # of the longest bar


def bars(costs: Mapping[str, float]) -> HTML:
    """Return durations in microseconds as something that a notebook shows."""
    return HTML(to_html(costs))


def to_html(costs: Mapping[str, float]) -> Markup:
    """Return the table, bars to the scale of the longest."""
    longest = max(costs.values())
    return table(
        _left("How long it took"),
        ("what", "us", _left("beside the longest")),
        ((name, f"{us:,.0f}", _bar(us / longest)) for name, us in costs.items()),
    )


def _left(text: str) -> Markup:
    """Have a text begin where the bars do: most pages have it in the middle."""
    return element("div", text, style="text-align: left")


def _bar(share: float) -> Markup:
    # Blue can be told from both grounds, light and dark.
    bar = element(
        "rect", width=max(1, round(share * _WIDTH)), height=14, fill="#0072b2"
    )
    drawing = svg(_WIDTH, 14, f"{share:.0%} of the longest", bar)
    return element("div", drawing, style=f"width: {_WIDTH}px")
