"""exec_steps: which process runs which program, from `fork` to `exec` to the end."""

from collections.abc import Sequence

from cfslib.observe.sightings import Sighting
from cfslib.observe.succession import Moment
from cfslib.views import steps
from cfslib.views.page import Markup, element, join, svg
from cfslib.views.steps import Step
from cfslib.views.style import NAMESPACES
from cfslib.views.widget import View

WIDTH, HEIGHT, BOX = 640, 190, 230


def view(story: Sequence[Moment]) -> View:
    """Return the story of a command, from one process to two and back."""
    told = [Step(steps.titled(now.call), now.story, picture(now)) for now in story]
    return steps.view("Fork and exec", {"": told})


def picture(now: Moment) -> Markup:
    """Return the maker on the left, its child on the right, and who is whose child."""
    both = [now.maker, *([now.child] if now.child else [])]
    arrow = _arrow() if now.child else ""
    world = _world() if now.child else ""
    return svg(
        WIDTH,
        HEIGHT,
        " ".join(map(_said, both)),
        world,
        _process("the maker", now.maker, 10),
        arrow,
        _process("its child", now.child, WIDTH - BOX - 30) if now.child else "",
    )


def _said(seen: Sighting) -> str:
    state = "has ended as" if seen.state == "Z" else "runs"
    return f"Process {' and '.join(map(str, seen.levels))} {state} {seen.name}."


def _process(who: str, seen: Sighting, x: int) -> Markup:
    """Draw a process as a frame that stays, and the program in it, which may change."""
    dead, ours = seen.state == "Z", seen.name.startswith("python")
    plain = dead or ours
    numbers = [f"pid {seen.levels[0]}"] + [
        f"PID {pid} inside" for pid in seen.levels[1:]
    ]
    return element(
        "g",
        element(
            "rect", x=x, y=40, width=BOX, height=130, rx=8, class_="cfs-stroke",
            stroke_width=2, stroke_dasharray="5 5" if dead else None,
            style="fill: var(--cfs-ground)",
        ),
        element("text", who, x=x + 14, y=64, class_="cfs-bold"),
        element("text", ", ".join(numbers), x=x + 14, y=84, class_="cfs-in"),
        element(
            "rect", x=x + 14, y=100, width=BOX - 28, height=54, rx=6,
            class_="cfs-knot" if plain else "cfs-inverse",
            style="fill: var(--cfs-raised)" if plain else None,
        ),
        element(
            "text", "✝ ended" if dead else seen.name, x=x + BOX // 2, y=133,
            text_anchor="middle", style="font-size: 18px",
            class_="cfs-bold cfs-code " + ("cfs-in" if plain else "cfs-on-inverse"),
        ),
    )  # fmt: skip


def _world() -> Markup:
    x, colour = WIDTH - BOX - 50, NAMESPACES["PID"]
    return join(
        element(
            "rect", x=x, y=12, width=BOX + 40, height=HEIGHT - 14, rx=10, fill="none",
            stroke=colour, stroke_width=3,
        ),
        element("rect", x=x + 14, y=2, width=150, height=22, rx=4, fill=colour),
        element("text", "PID namespace", x=x + 24, y=18, class_="cfs-on cfs-bold"),
    )  # fmt: skip


def _arrow() -> Markup:
    y, start, end = 105, 10 + BOX + 4, WIDTH - BOX - 34
    return join(
        element("line", x1=start, x2=end - 8, y1=y, y2=y, class_="cfs-wire"),
        element("path", d=f"M{end} {y} l-10 -5 v10 z", class_="cfs-wire-end"),
        element(
            "text",
            "parent of",
            x=(start + end - 20) // 2,
            y=y - 8,
            text_anchor="middle",
        ),
    )
