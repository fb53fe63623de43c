"""06-users: the ids inside and outside, and what joins them."""

from cfslib.views.drawing import middle, picture, text, wire
from cfslib.views.page import Markup, element
from cfslib.views.style import NAMESPACES

# Where a number is on its ruler, and what is said about it.
INSIDE = ((170, "0", "root"), (280, "1 … 9", ""), (560, "65534", "nobody"))
OUTSIDE = ((130, "0", "root"), (260, "1000", "you"), (450, "100000 … 100008", ""))
TOP, BOTTOM = 90, 200


def rulers() -> Markup:
    """Return two rulers, with a map of two lines between them."""
    return picture(
        276,
        "A ruler with the ids inside: 0, 1 to 9, and nobody.  A ruler with the ids "
        "outside: 0, you, 100000 to 100008.  Bands join 0 inside to you, and 1 to 9 to "
        "the ids from 100000 on.  A dashed line leads from the host's 0 to nobody.  "
        "Who is that, in there?",
        _band((162, 178), (252, 268)),
        _band((252, 308), (376, 524)),
        wire((130, BOTTOM), (548, TOP + 6), class_="dashed"),
        text(20, TOP + 6, "inside", "bold"),
        text(20, BOTTOM + 6, "outside", "bold"),
        wire((104, TOP), (620, TOP)),
        wire((104, BOTTOM), (620, BOTTOM)),
        *(middle(x, TOP - 14, ids, "code") for x, ids, _ in INSIDE),
        *(middle(x, TOP - 38, who, "small soft") for x, _, who in INSIDE if who),
        *(middle(x, BOTTOM + 28, ids, "code") for x, ids, _ in OUTSIDE),
        *(middle(x, BOTTOM + 50, who, "small soft") for x, _, who in OUTSIDE if who),
        *(wire((x, TOP - 6), (x, TOP + 6)) for x, _, _ in INSIDE),
        *(wire((x, BOTTOM - 6), (x, BOTTOM + 6)) for x, _, _ in OUTSIDE),
        text(450, 160, "who is that?", "small bold"),
    )


def _band(inside: tuple[float, float], outside: tuple[float, float]) -> Markup:
    """Return one line of the map."""
    corners = (
        (inside[0], TOP), (inside[1], TOP), (outside[1], BOTTOM), (outside[0], BOTTOM)
    )  # fmt: skip
    points = " ".join(f"{x:g},{y}" for x, y in corners)
    return element("polygon", points=points, fill=NAMESPACES["USER"], opacity=0.7)
