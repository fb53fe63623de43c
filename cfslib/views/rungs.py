"""rungs: the picture of the pid ladder, and the same as a table."""

from collections.abc import Sequence

from cfslib.observe.sightings import Sighting
from cfslib.views.page import Markup, element, join, page, svg, table
from cfslib.views.style import COLOURS

STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "waiting",
    "T": "stopped",
    "Z": "zombie",
}
NAMES, STEP, LINE = 170, 170, 52  # widths and height in the picture
LEVELS = ("outside", "inside", "further in", "innermost")


def to_html(everybody: Sequence[Sighting]) -> Markup:
    """Return the picture, and the same as a table, folded."""
    if not everybody:
        return page(element("p", "Nobody is left.", element("b", "  Start again.")))
    depth = max(len(seen.levels) for seen in everybody)
    return page(
        _picture(everybody, depth),
        element("details", element("summary", "As a table"), _table(everybody, depth)),
    )


def _picture(everybody: Sequence[Sighting], depth: int) -> Markup:
    height = LINE * (len(everybody) + 1)
    rails = [
        join(
            element("text", level_name(n), x=_x(n), y=18, text_anchor="middle"),
            element(
                "line", x1=_x(n), x2=_x(n), y1=26, y2=height - 8, class_="cfs-stroke"
            ),
        )
        for n in range(depth)
    ]
    rungs = [_rung(seen, LINE * (n + 1)) for n, seen in enumerate(everybody)]
    said = " ".join(map(sentence, everybody))
    return svg(NAMES + STEP * depth, height, said, *rails, *rungs)


def _rung(seen: Sighting, y: int) -> Markup:
    """Draw one process: a line from level to level, with its pid on each."""
    dead = seen.state == "Z"
    name = f"{'✝ ' if dead else ''}{seen.name}"
    steps = range(len(seen.levels))
    return element(
        "g",
        element("text", name, x=0, y=y + 8, font_weight="bold"),
        element("text", STATES.get(seen.state, seen.state), x=0, y=y + 24),
        element(
            "line", x1=NAMES - 40, x2=_x(len(seen.levels) - 1), y1=y + 7, y2=y + 7,
            class_="cfs-stroke", stroke_dasharray="4 4" if dead else None,
        ),
        *(_knot(seen, n, y) for n in steps),
    )  # fmt: skip


def _knot(seen: Sighting, level: int, y: int) -> Markup:
    pid, parent = seen.levels[level], seen.parents[level]
    colour = "var(--cfs-raised)" if seen.state == "Z" else COLOURS[level % len(COLOURS)]
    on = "cfs-in" if seen.state == "Z" else "cfs-on"
    x = _x(level)
    return join(
        element(
            "rect", x=x - 36, y=y - 3, width=72, height=20, rx=10,
            style=f"fill: {colour}", class_="cfs-knot",
        ),
        element("text", pid, x=x, y=y + 12, text_anchor="middle", class_=on),
        element(
            "text", f"parent {parent}" if parent else "parent not here",
            x=x, y=y + 32, text_anchor="middle",
        ),
    )  # fmt: skip


def _x(level: int) -> int:
    return NAMES + STEP // 2 + STEP * level


def _table(everybody: Sequence[Sighting], depth: int) -> Markup:
    head = ["process", "state", *(f"pid {level_name(n)}" for n in range(depth))]
    rows = [
        [
            seen.name,
            STATES.get(seen.state, seen.state),
            *(f"{p} (parent {q or 'not here'})" for p, q in _pairs(seen)),
            *["-"] * (depth - len(seen.levels)),
        ]
        for seen in everybody
    ]
    return table("The same in words", head, rows)


def level_name(level: int) -> str:
    """Name a level from outside to inside."""
    return LEVELS[level] if level < len(LEVELS) else f"level {level}"


def sentence(seen: Sighting) -> str:
    """Say where a process is, for those who cannot see the picture."""
    places = [f"{pid} {level_name(n)}" for n, pid in enumerate(seen.levels)]
    state = STATES.get(seen.state, seen.state)
    return f"{seen.name}, {state}, is {', '.join(places)}."


def _pairs(seen: Sighting) -> list[tuple[int, int]]:
    return list(zip(seen.levels, seen.parents, strict=True))
