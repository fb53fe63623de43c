"""arrival_steps: one on the way into a container, with lights for what he shares."""

from collections.abc import Mapping, Sequence

from cfslib.observe.arrival import RECORDED, Moment
from cfslib.observe.belongings import NEITHER, THEIRS, Light
from cfslib.views import steps
from cfslib.views.page import Markup, element, join, svg
from cfslib.views.steps import Step
from cfslib.views.style import NAMESPACES
from cfslib.views.widget import View

WIDTH, TOP, LINE, COLUMN = 660, 34, 34, 330
# Those that are no namespaces have the colour of the one that they go with.
COLOURS = NAMESPACES | {
    "/": NAMESPACES["MNT"],
    ".": NAMESPACES["MNT"],
    "groups": NAMESPACES["CGROUP"],
    "rights": NAMESPACES["USER"],
    "filter": NAMESPACES["TIME"],
    "program": NAMESPACES["TIME"],
}
WHY = "this machine gives a container no groups of its own"


def view(stories: Mapping[str, Sequence[Moment]]) -> View:
    """Return the way in, one story for each program that goes it."""
    told = {name: _steps(name, story) for name, story in stories.items()}
    return steps.view("The way in", told, "Who goes")


def _steps(name: str, story: Sequence[Moment]) -> list[Step]:
    note = f" (A recording: {WHY}.)" if name == RECORDED else ""
    return [
        Step(steps.titled(now.call), now.story + note, picture(before, now))
        for before, now in zip([None, *story], story, strict=False)
    ]


def picture(before: Moment | None, now: Moment) -> Markup:
    """Return a light for each thing, and what has changed since the last call."""
    was = {light.name: light for light in (before or now).lights}
    sides: tuple[list[Light], list[Light]] = ([], [])
    for light in now.lights:
        sides[light.name not in NAMESPACES].append(light)
    return svg(
        WIDTH,
        TOP + LINE * max(map(len, sides)) + 4,
        said(now),
        *(
            element("text", title, x=4 + COLUMN * x, y=20, class_="cfs-bold cfs-in")
            for x, title in enumerate(("namespaces", "what it has"))
        ),
        *(
            _row(light, was[light.name] != light, 4 + COLUMN * x, TOP + LINE * y)
            for x, side in enumerate(sides)
            for y, light in enumerate(side)
        ),
    )


def said(now: Moment) -> str:
    """Return the lights in words."""
    theirs = [light.name for light in now.lights if light.whose == THEIRS]
    rest = [
        f"{each.name} is {each.whose}" for each in now.lights if each.whose != THEIRS
    ]
    have = f"As in the container: {', '.join(theirs) or 'nothing'}."
    return " ".join([have, *(f"{each}." for each in rest)])


def _row(light: Light, changed: bool, x: int, y: int) -> Markup:
    """Draw a light, the name of what it is for, and whose that is."""
    on, weight = light.whose == THEIRS, " cfs-bold" if changed else ""
    whose = "its own" if light.whose == NEITHER else light.whose
    words = f"{whose}: {light.said}" if light.said else whose
    return join(
        element("path", d=f"M{x + 2} {y} v22", class_="cfs-wire") if changed else "",
        element(
            "rect", element("title", f"{light.name}: {'on' if on else 'off'}"),
            x=x + 12, y=y, width=22, height=22, rx=11, class_="cfs-stroke",
            stroke_dasharray="3 3" if light.whose == NEITHER else None,
            style=f"fill: {COLOURS[light.name] if on else 'var(--cfs-ground)'}",
        ),
        element(
            "text", light.name, x=x + 44, y=y + 16, class_=f"cfs-in cfs-code{weight}"
        ),
        element("text", words, x=x + 124, y=y + 16, class_=f"cfs-in{weight}"),
    )  # fmt: skip
