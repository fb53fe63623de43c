"""10-capabilities: five sets of rights, on the way through an exec."""

from cfslib.observe.rights import SETS
from cfslib.views.drawing import arrow, box, middle, picture, text
from cfslib.views.page import Markup, element, join
from cfslib.views.style import NAMESPACES

RIGHTS = 12  # as many as fit; a kernel has 41
LIT = {"permitted": range(12), "bounding": range(12), "effective": range(3, 12)}


def five_sets() -> Markup:
    """Return a process of root, and the question what its program will have."""
    rows = list(enumerate(SETS))
    return picture(
        262,
        "A process of root has five sets of rights, each a row of lights.  The "
        "permitted and the bounding set are full, the effective one has some off, and "
        "the inheritable and the ambient set are dark.  An arrow, exec, leads to a "
        "program with five rows of its own.  Which lights are on there?",
        box(20, 20, 352, 222),
        text(38, 50, "a process of root", "bold"),
        *(_row(n, name) for n, name in rows),
        arrow((382, 138), (458, 138)),
        middle(418, 126, "exec", "code bold"),
        box(468, 20, 172, 222, class_="dashed"),
        text(486, 50, "a program", "bold"),
        *(middle(554, 88 + 34 * n, "?", "bold soft") for n, _ in rows),
    )


def _row(number: int, name: str) -> Markup:
    y, lit = 72 + 34 * number, LIT.get(name, ())
    return join(
        text(38, y + 16, name, "small"),
        *(_light(132 + 19 * n, y, n in lit) for n in range(RIGHTS)),
    )


def _light(x: float, y: float, is_on: bool) -> Markup:
    fill = f"fill: {NAMESPACES['USER']}" if is_on else None
    return element(
        "rect", x=x, y=y, width=14, height=22, rx=3, class_="box", style=fill
    )
