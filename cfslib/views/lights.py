"""lights: the five sets of capabilities as rows of lights, after each call."""

from collections.abc import Iterable

from cfslib.isolation.capabilities import Capability
from cfslib.observe import passing_on, rights
from cfslib.observe.passing_on import Moment, Told
from cfslib.observe.rights import SETS, Sets
from cfslib.views import steps
from cfslib.views.page import Markup, element, join, svg
from cfslib.views.steps import Step
from cfslib.views.style import NAMESPACES
from cfslib.views.widget import View

WORDS, LEFT, TOP, PITCH, LINE = 92, 192, 44, 11, 34
WIDTH = LEFT + PITCH * len(Capability) + 4


def view(names: Iterable[str] = passing_on.STORIES) -> View:
    """Return stories of how a process comes to its rights, and how it loses them."""
    told = {name: passing_on.told(name) for name in names}
    return steps.view("The five sets", {n: _steps(t) for n, t in told.items()}, "Who")


def _steps(told: Told) -> list[Step]:
    before = [None, *told.moments]
    note = f" (A recording: {told.recorded}.)" if told.recorded else ""
    return [
        Step(steps.titled(now.call), now.story + note, picture(earlier, now))
        for earlier, now in zip(before, told.moments, strict=False)
    ]


def picture(before: Moment | None, now: Moment) -> Markup:
    """Return a row of lights for each set, and what has changed since the last call."""
    return svg(
        WIDTH,
        TOP + LINE * len(SETS) + 4,
        said(now.sets),
        element("text", _who(now.sets), x=4, y=20, class_="cfs-bold cfs-in"),
        *(
            _row(name, y, getattr(before.sets if before else now.sets, name), now.sets)
            for y, name in enumerate(SETS)
        ),
    )


def said(sets: Sets) -> str:
    """Return the sets in words."""
    rows = (f"{name}: {rights.words(getattr(sets, name))}." for name in SETS)
    return " ".join([f"{_who(sets)}.", *rows])


def _who(sets: Sets) -> str:
    return f"user {sets.uid}" + ", root" * (sets.uid == 0)


def _row(name: str, number: int, before: int, sets: Sets) -> Markup:
    bits, y = getattr(sets, name), TOP + LINE * number
    changed = bits != before
    weight = " cfs-bold" if changed else ""
    lights = (
        _light(LEFT + PITCH * each, y, bits >> each & 1, before >> each & 1, each)
        for each in Capability
    )
    return join(
        element("text", name, x=4, y=y + 15, class_=f"cfs-in{weight}"),
        element(
            "text", rights.words(bits), x=WORDS, y=y + 15,
            class_=f"cfs-in cfs-code{weight}",
        ),
        *lights,
        element("path", d=f"M{LEFT - 8} {y} v20", class_="cfs-wire") if changed else "",
    )  # fmt: skip


def _light(x: int, y: int, on: int, was: int, capability: Capability) -> Markup:
    """Draw a light: on, off, or just gone out."""
    return element(
        "rect", element("title", f"{capability}: {'on' if on else 'off'}"),
        x=x, y=y, width=8, height=20, rx=2,
        class_="cfs-stroke", stroke_width=1.5 if was and not on else 1,
        stroke_dasharray="2 2" if was and not on else None,
        style=f"fill: {NAMESPACES['USER'] if on else 'var(--cfs-ground)'}",
    )  # fmt: skip
