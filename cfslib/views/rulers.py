"""rulers: the ids inside and outside as two rulers, and the maps between them.

Choose a map, and whom the process is to become.  Each choice makes a new process, and
the picture shows what the kernel said about it.
"""

from collections.abc import Callable, Sequence

import ipywidgets

from cfslib.isolation.idmaps import IdMap
from cfslib.observe.owners import NOBODY, Scene, Seen
from cfslib.views.page import (
    Markup,
    element,
    join,
    letter,
    number,
    page,
    prose,
    svg,
)
from cfslib.views.page import table as table_of
from cfslib.views.style import NAMESPACES
from cfslib.views.widget import View, labelled, row

Look = Callable[[str, int], Scene]

WIDTH, LEFT, RIGHT = 560, 100, 520
TOP, BOTTOM = 56, 176  # where the rulers are
NEAR = 0.7  # how far down a wire its letters are
HALF = 12  # of the width of one id


def view(look: Look, kinds: Sequence[str], users: Sequence[int]) -> View:
    """Return two menus, and the rulers for what is chosen in them."""
    kind = labelled(ipywidgets.Dropdown(options=kinds, description="Map"))
    user = labelled(ipywidgets.Dropdown(options=users, description="setuid"))
    picture = ipywidgets.HTML()
    made = View("The two rulers", row(kind, user), picture)

    def draw(_: object = None) -> None:
        made.attempt(
            lambda: setattr(picture, "value", to_html(look(kind.value, user.value)))
        )

    kind.observe(draw, "value")
    user.observe(draw, "value")
    draw()
    return made


def to_html(scene: Scene) -> Markup:
    """Return the rulers, and the same numbers as a table."""
    rows = [
        (join(element("b", letter(n)), f" {one.name}"), number(_named(one.inside)),
         number(one.outside))
        for n, one in enumerate(scene.seen)
    ]  # fmt: skip
    return page(
        _recorded(scene),
        element("p", "The process asked: ", element("code", scene.said), role="status"),
        rulers(scene),
        table_of("Who owns it", ("what", "seen inside", "outside"), rows),
        element("p", "The map: ", element("code", _lines(scene.maps))),
    )


def _recorded(scene: Scene) -> Markup:
    if not scene.recorded:
        return join()
    words = element("b", "Recorded on another machine. ")
    return element("p", words, prose(scene.recorded), class_="cfs-note", role="note")


def _named(inside: int) -> str:
    return f"{inside} (nobody)" if inside == NOBODY else str(inside)


def _lines(maps: Sequence[IdMap]) -> str:
    return ", ".join(map(str, maps)) or "empty"


def rulers(scene: Scene) -> Markup:
    """Return both rulers; only numbers that matter here have a place on them."""
    inside = _places(
        [_ends(map_.inside, map_.count) for map_ in scene.maps],
        [one.inside for one in scene.seen],
    )
    outside = _places(
        [_ends(map_.outside, map_.count) for map_ in scene.maps],
        [one.outside for one in scene.seen],
    )
    said = "; ".join(
        f"{one.name} is {_named(one.inside)} inside and {one.outside} outside"
        for one in scene.seen
    )
    return svg(
        WIDTH,
        BOTTOM + 52,
        f"Two rulers. {said}.",
        *(_band(map_, inside, outside) for map_ in scene.maps),
        *_wires(scene.seen, inside, outside),
        _ruler("inside", TOP, inside, above=True),
        _ruler("outside", BOTTOM, outside, above=False),
    )


def _ends(first: int, count: int) -> tuple[int, int]:
    return first, first + count - 1


def _places(ends: Sequence[tuple[int, int]], seen: Sequence[int]) -> dict[int, float]:
    """Return where each number is: in order, and as far apart as there is room."""
    numbers = {n for pair in ends for n in pair} | {*seen}
    step = (RIGHT - LEFT) / max(len(numbers) - 1, 1)
    return {n: LEFT + step * at for at, n in enumerate(sorted(numbers))}


def _ruler(name: str, y: int, places: dict[int, float], *, above: bool) -> Markup:
    marks = [
        join(
            element("line", x1=x, x2=x, y1=y - 5, y2=y + 5, class_="cfs-wire"),
            element(
                "text", number, x=x, y=y - 14 if above else y + 24,
                text_anchor="middle", class_="cfs-code",
            ),
            element(
                "text", "nobody", x=x, y=y - 32, text_anchor="middle"
            ) if above and number == NOBODY else "",
        )
        for number, x in places.items()
    ]  # fmt: skip
    return join(
        element("line", x1=LEFT - 20, x2=RIGHT + 20, y1=y, y2=y, class_="cfs-wire"),
        element("text", name, x=8, y=y + 5, class_="cfs-bold"),
        *marks,
    )


def _band(map_: IdMap, inside: dict[int, float], outside: dict[int, float]) -> Markup:
    """Return one line of a map: from its ids inside to those outside."""
    (a, b), (c, d) = _ends(map_.inside, map_.count), _ends(map_.outside, map_.count)
    corners = (
        (inside[a] - HALF, TOP), (inside[b] + HALF, TOP),
        (outside[d] + HALF, BOTTOM), (outside[c] - HALF, BOTTOM),
    )  # fmt: skip
    points = " ".join(f"{x:g},{y}" for x, y in corners)
    return element("polygon", points=points, fill=NAMESPACES["USER"], opacity=0.55)


def _wires(
    seen: Sequence[Seen], inside: dict[int, float], outside: dict[int, float]
) -> list[Markup]:
    """Return a line for each owner, with the letters of what belongs to it."""
    letters: dict[tuple[int, int], str] = {}
    for n, one in enumerate(seen):
        pair = (one.inside, one.outside)
        letters[pair] = f"{letters.get(pair, '')} {letter(n)}".strip()
    return [
        _wire(inside[a], outside[b], words, unmapped=a == NOBODY)
        for (a, b), words in letters.items()
    ]


def _wire(top: float, bottom: float, words: str, *, unmapped: bool) -> Markup:
    # Nearer to the outside, where two owners never have the same number.
    middle = top + (bottom - top) * NEAR
    y = TOP + (BOTTOM - TOP) * NEAR
    width = 12 * len(words) ** 0.85 + 12
    return join(
        element(
            "line", x1=top, y1=TOP, x2=bottom, y2=BOTTOM, class_="cfs-wire",
            stroke_dasharray="5 4" if unmapped else None,
        ),
        element(
            "rect", x=middle - width / 2, y=y - 12, width=width, height=24, rx=12,
            class_="cfs-inverse",
        ),
        element(
            "text", words, x=middle, y=y + 5, text_anchor="middle",
            class_="cfs-bold cfs-on-inverse",
        ),
    )  # fmt: skip
