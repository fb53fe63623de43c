"""layer_stack: the layers of an overlay on top of each other, and who looks down.

Each column is a name.  From the top, where a container looks, a line goes down to what
it sees; a whiteout on the way ends it.
"""

from collections.abc import Callable, Sequence

import ipywidgets

from cfslib.observe import layered
from cfslib.observe.layered import (
    CHANGES,
    DIRECTORY,
    FILE,
    MERGED,
    OPAQUE,
    PATHS,
    UPPER,
    WHITEOUT,
    Change,
    Layer,
    Moment,
    Origin,
    Thing,
)
from cfslib.views.page import Markup, element, join, page, prose, svg, table, wide
from cfslib.views.style import COLOURS
from cfslib.views.widget import View, button, labelled, row

Play = Callable[[Sequence[Change]], list[Moment]]

LEFT, WIDE, HIGH, TOP = 96, 100, 58, 30  # of the first column, a column, a row
SEEN, GONE = COLOURS[2], COLOURS[5]  # bluish green, vermilion
LONGEST = 8  # letters that fit into a box, wide ones, too
KINDS = {DIRECTORY: "a directory", OPAQUE: "opaque", WHITEOUT: "whiteout"}


def view(play: Play) -> View:
    """Return the stack, with something to do in it; all is played anew each time."""
    what = labelled(ipywidgets.Dropdown(options=list(CHANGES), description="What"))
    where = labelled(ipywidgets.Dropdown(options=PATHS, description="Name"))
    where.layout.width, what.layout.width = "11em", "17em"
    done: list[Change] = []
    picture = ipywidgets.HTML()

    def draw() -> None:
        moments = play(done)
        picture.value = to_html(done, moments)

    def act() -> None:
        done.append(Change(what.value, where.value))
        draw()

    def undo() -> None:
        del done[-1:]
        draw()

    def again() -> None:
        done.clear()
        draw()

    buttons = [
        button("Do it", lambda: shown.attempt(act), tip="Do this in the overlay"),
        button("Undo", lambda: shown.attempt(undo), tip="As before the last change"),
        button("Start again", lambda: shown.attempt(again), tip="Empty the upper one"),
    ]
    shown: View = View("The stack of layers", row(what, where, *buttons), picture)
    shown.attempt(draw)
    return shown


def to_html(done: Sequence[Change], moments: Sequence[Moment]) -> Markup:
    """Return the stack after the last change, and what that has done."""
    before, now = ([None, *moments])[-2:]
    assert now
    names = [path for path in PATHS if _is_anywhere(path, now)]
    said = element("p", prose(told(done, before, now)), role="status")
    packed = ", ".join(name for name in now.archive if name != "./") or "nothing"
    reasons = [(element("code", p), *why(p, now)) for p in names]
    return page(
        said,
        wide(picture(names, before, now)),
        element("p", "upper as a layer: ", element("code", packed)),
        element(
            "details",
            element("summary", "Why each of them wins"),
            table("What is seen, and why", ("name", "seen", "why"), reasons),
        ),
    )


def _is_anywhere(path: str, moment: Moment) -> bool:
    return any(path in layer for layer in moment.layers.values())


def told(done: Sequence[Change], before: Moment | None, now: Moment) -> str:
    """Say what the last change has done to the upper layer."""
    if not done or before is None:
        return "Nothing was changed. `upper` is empty, and all is seen through it."
    if now.refused:
        is_as_before = now.layers == before.layers
        end = "Nothing has changed." if is_as_before else "Some of it was done."
        return f"{now.refused}. {end}"
    last, upper, earlier = done[-1], now.layers[UPPER], before.layers[UPPER]
    files, gone, opaque = (
        [
            path
            for path, thing in upper.items()
            if thing.kind == kind and kind != _kind(earlier, path)
        ]
        for kind in (FILE, WHITEOUT, OPAQUE)
    )
    words = [f"{last}: done."]
    words += [
        f"Copy-up: `{path}` was copied to `upper`, all of it, {upper[path].size} bytes."
        for path in files
        if path in before.merged and last.what in ("write to", "chmod 600")
    ]
    words += [f"Whiteout: `{path}` is hidden; it is where it was." for path in gone]
    words += [f"`{path}` is opaque: all below it is hidden." for path in opaque]
    if len(words) == 1:
        words.append("It is in `upper` alone that something changed.")
    return " ".join(words)


def _kind(layer: Layer, path: str) -> str:
    return layer[path].kind if path in layer else ""


def why(path: str, moment: Moment) -> tuple[str, Markup]:
    """Return what is seen under a name, and the reason."""
    found = layered.origin(moment.layers, path)
    names = list(moment.layers)
    above = names[: names.index(found.layer)] if found.layer else names
    if not found.layer:
        return "nothing", prose("No layer has it.")
    nothing = f" Above it, {_listed(above)}." if above else " It is the highest."
    if found.is_seen:
        return found.layer, prose(f"`{found.layer}` has it.{nothing}")
    if found.at == path:
        return "nothing", prose(f"`{found.layer}` has a whiteout of it.{nothing}")
    return "nothing", prose(f"`{found.layer}` hides all that is in `{found.at}` below.")


def _listed(names: Sequence[str]) -> str:
    has = "have" if len(names) > 1 else "has"
    return f"{' and '.join(f'`{name}`' for name in names)} {has} nothing of that name"


def picture(names: Sequence[str], before: Moment | None, now: Moment) -> Markup:
    """Return the stack: a row for each layer, a column for each name."""
    rows = [MERGED, *now.layers]
    height = TOP + HIGH * len(rows) + 6
    return svg(
        LEFT + WIDE * len(PATHS),
        height,
        in_words(names, now),
        *(_shelf(name, at) for at, name in enumerate(rows)),
        *(_sight(at, path, now) for at, path in enumerate(names)),
        *(_column(at, path, before, now) for at, path in enumerate(names)),
    )


def in_words(names: Sequence[str], now: Moment) -> str:
    """Say what the picture says."""
    return f"From above: {', '.join(now.layers)}. " + " ".join(
        f"{path}: {_outcome(layered.origin(now.layers, path))}." for path in names
    )


def _outcome(found: Origin) -> str:
    if found.is_seen:
        return f"seen, from {found.layer}"
    return f"hidden by {found.layer}" if found.layer else "not there"


def _shelf(name: str, at: int) -> Markup:
    y = TOP + HIGH * at
    about = {MERGED: "what is seen", UPPER: "written to"}.get(name, "read only")
    return join(
        element("rect", x=1, y=y + 2, width=LEFT + WIDE * len(PATHS) - 2,
                height=HIGH - 6, rx=6, class_="cfs-knot",
                style="fill: var(--cfs-raised)",
                stroke_dasharray="5 4" if name == MERGED else None),
        element("text", name, x=10, y=y + 25, class_="cfs-code cfs-bold cfs-in"),
        element("text", about, x=10, y=y + 42, class_="cfs-in"),
    )  # fmt: skip


def _sight(at: int, path: str, now: Moment) -> Markup:
    """Draw the look from the top down to what ends it."""
    found = layered.origin(now.layers, path)
    last = list(now.layers).index(found.layer) + 1 if found.layer else len(now.layers)
    x = LEFT + WIDE * at + WIDE / 2
    start, end = TOP + HIGH - 12, TOP + HIGH * last + 9
    return element(
        "path", d=f"M{x} {start} V{end}", class_="cfs-wire",
        style=f"stroke: {SEEN if found.is_seen else GONE}; stroke-width: 4",
    )  # fmt: skip


def _column(at: int, path: str, before: Moment | None, now: Moment) -> Markup:
    x = LEFT + WIDE * at
    found = layered.origin(now.layers, path)
    seen = now.merged.get(path)
    boxes = [
        _box(x, number, _here(things, path), wins=name == found.layer,
             is_new=_is_new(name, path, before, now))
        for number, (name, things) in enumerate(now.layers.items(), start=1)
    ]  # fmt: skip
    return join(
        element("text", path, x=x + WIDE / 2, y=19, text_anchor="middle",
                class_="cfs-code cfs-bold"),
        _box(x, 0, (seen.kind, seen) if seen else None, wins=True, is_new=False)
        if seen
        else _words(x, 0, "✗ nothing", ""),
        *boxes,
    )  # fmt: skip


def _here(things: Layer, path: str) -> tuple[str, Thing] | None:
    """Return what a layer has in a column: a thing, or what hides it from around."""
    if path in things:
        return things[path].kind, things[path]
    around = path.rpartition("/")[0]
    thing = things.get(around)
    return (thing.kind, thing) if thing and thing.kind in (WHITEOUT, OPAQUE) else None


def _is_new(name: str, path: str, before: Moment | None, now: Moment) -> bool:
    if before is None:
        return False
    return _here(before.layers[name], path) != _here(now.layers[name], path)


def _box(
    x: float, at: int, here: tuple[str, Thing] | None, *, wins: bool, is_new: bool
) -> Markup:
    if here is None:
        return join()
    kind, thing = here
    is_file = kind == FILE
    y = TOP + HIGH * at
    colour = "var(--cfs-ground)" if not wins else SEEN if is_file else GONE
    first = _short(thing.text) if is_file else f"✗ {KINDS[kind]}"
    sign = "+ " if is_new else ""
    second = f"{sign}{thing.size} bytes" if is_file else f"{sign}here"
    shape = element(
        "rect", x=x + 4, y=y + 8, width=WIDE - 8, height=HIGH - 18, rx=5,
        class_="cfs-knot", stroke_width=3 if is_new else 1,
        style=f"fill: {colour}" + "; stroke: var(--cfs-text)" * is_new,
    )  # fmt: skip
    return join(shape, _words(x, at, first, second, "cfs-on" if wins else "cfs-in"))


def _words(x: float, at: int, first: str, second: str, ink: str = "cfs-in") -> Markup:
    y, centre = TOP + HIGH * at, x + WIDE / 2
    return join(
        element("text", first, x=centre, y=y + 25, text_anchor="middle",
                class_=f"{ink} cfs-bold"),
        element("text", second, x=centre, y=y + 41, text_anchor="middle", class_=ink),
    )  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
