"""group_tree: a tree of groups with live figures, limits to set, and loads to start.

Where no groups can be made it says why, and plays what was recorded elsewhere.
"""

import errno
import itertools
import os
import time
from collections.abc import Callable, Collection, Mapping

import ipywidgets

from cfslib.children.answers import hints_of
from cfslib.observe import groups
from cfslib.observe.figures import Figures
from cfslib.observe.groups import LOADS, Frame, Load, Loads
from cfslib.views.page import Markup, element, join, page, prose, svg, wide
from cfslib.views.widget import View, aligned, button, row

WIDTH, HIGH, TOP = 700, 74, 10
LEFT, BAR = 170, 230  # where the boxes of the groups begin, and how long a bar is
_QUIET = Frame(0.0, {load.name: Figures(0, 0, 0.0) for load in LOADS}, {})
_UNITS = {"cpu.max": "%", "memory.max": " MiB", "pids.max": ""}
_NO = {
    "cpu.max": "made to wait",
    "memory.max": "killed",
    "pids.max": "refused",
}


def view(model: Loads) -> View:
    """Return the tree, with a slider and a button for each load."""
    picture = ipywidgets.HTML()
    told = ipywidgets.HTML()
    limits = {load.name: load.limit for load in LOADS}
    last = [_QUIET]
    shown = View("The tree of groups")

    def draw(frame: Frame) -> None:
        last[0] = frame
        picture.value = page(wide(drawing(frame, limits)))

    def run(names: Collection[str]) -> None:
        told.value = ""
        draw(_QUIET)  # at once: it takes a moment until the groups are there
        try:
            model.run(names, limits, draw)
        except OSError as error:
            told.value = page(_recorded(error))
            limits.update({load.name: load.limit for load in LOADS})
            for before, frame in itertools.pairwise([_QUIET, *groups.recorded()]):
                time.sleep(max(frame.seconds - before.seconds, 0))
                draw(frame)
        told.value = told.value + page(element("p", verdict(last[0]), role="status"))

    def set_limit(load: Load, limit: int) -> None:
        limits[load.name] = limit
        try:
            model.change(load.name, limit)
        except OSError as error:
            told.value = page(_not_set(load, error))
        draw(last[0])

    def starts(*names: str) -> Callable[[], object]:
        return lambda: shown.in_background(lambda: run(names))

    rows = [_controls(load, set_limit, starts(load.name)) for load in LOADS]
    everything = button("Start all three", starts(*limits))
    shown.box.children = (*rows, row(everything), picture, told, shown.status)
    draw(_QUIET)
    return shown


def _controls(
    load: Load,
    changed: Callable[[Load, int], object],
    started: Callable[[], object],
) -> object:
    span = {"min": load.least, "max": load.most}
    slider = ipywidgets.IntSlider(load.limit, readout=False, **span)
    slider.layout.width = "min(16rem, 100%)"
    # The same as a number, because ipywidgets gives the handle of a slider no name.
    unit = _UNITS[load.setting].strip()
    name = f"{load.setting}, {unit}" if unit else load.setting
    number = ipywidgets.BoundedIntText(slider.value, description=name, **span)
    aligned(number)
    ipywidgets.link((slider, "value"), (number, "value"))
    number.observe(lambda change: changed(load, change["new"]), "value")
    return row(number, slider, button(f"Start the {load.name} one", started))


def drawing(frame: Frame, limits: Mapping[str, int]) -> Markup:
    """Return the tree: one group, and in it three with what they use."""
    height = HIGH * len(LOADS) + 2 * TOP
    said = "; ".join(_in_words(load, frame, limits[load.name]) for load in LOADS)
    return svg(
        WIDTH,
        height,
        f"A group with three groups in it. {said}.",
        element("rect", x=4, y=height / 2 - 22, width=110, height=44, rx=6,
                class_="cfs-knot", style="fill: var(--cfs-raised)"),
        _words(59, height / 2 + 5, "workshop", "cfs-code cfs-bold cfs-in", "middle"),
        *(_group(load, n, frame, limits[load.name]) for n, load in enumerate(LOADS)),
    )  # fmt: skip


def _group(load: Load, place: int, frame: Frame, limit: int) -> Markup:
    y = TOP + HIGH * place
    middle = TOP + HIGH * len(LOADS) / 2
    used = amount(load, frame)
    share = min(used / max(limit, 1), 1)
    no = frame.figures[load.name].no
    way = f"M114 {middle} H{(114 + LEFT) / 2} V{y + 32} H{LEFT}"
    return join(
        element("path", d=way, class_="cfs-stroke"),
        element("rect", x=LEFT, y=y, width=WIDTH - LEFT - 6, height=64, rx=6,
                class_="cfs-knot", style="fill: var(--cfs-raised)"),
        _words(LEFT + 14, y + 26, load.name, "cfs-code cfs-bold cfs-in"),
        _words(LEFT + 14, y + 48, _processes(frame.figures[load.name]), "cfs-in"),
        element("rect", x=LEFT + 130, y=y + 34, width=BAR, height=16, rx=3,
                class_="cfs-knot", style="fill: var(--cfs-ground)"),
        element("rect", x=LEFT + 130, y=y + 34, width=round(BAR * share, 1),
                height=16, rx=3, fill="#d55e00" if no else "#0072b2"),
        _words(LEFT + 130, y + 25, _against(load, used, limit), "cfs-in"),
        _words(LEFT + 130 + BAR + 14, y + 47,
               _said(load, no), "cfs-bold cfs-in"),
    )  # fmt: skip


def amount(load: Load, frame: Frame) -> int:
    """Return how much of what is limited a group uses, in the unit of its limit."""
    found = frame.figures[load.name]
    if load.setting == "cpu.max":
        return round(100 * frame.shares.get(load.name, 0.0))
    if load.setting == "memory.max":
        return (found.memory or 0) >> 20
    return found.processes or 0


def _said(load: Load, no: int) -> str:
    return f"{_NO[load.setting]}: {no}" if no else ""


def _against(load: Load, used: int, limit: int) -> str:
    unit = _UNITS[load.setting]
    return f"{load.setting}: {used}{unit} of {limit}{unit}"


def _in_words(load: Load, frame: Frame, limit: int) -> str:
    no = frame.figures[load.name].no
    said = f", {_said(load, no)}" if no else ""
    return f"{load.name}: {_against(load, amount(load, frame), limit)}{said}"


def _processes(found: Figures) -> str:
    number = found.processes or 0
    return f"{number} process{'' if number == 1 else 'es'}"


def _words(x: float, y: float, text: str, class_: str, anchor: str = "start") -> Markup:
    return element("text", text, x=x, y=y, class_=class_, text_anchor=anchor)


def verdict(frame: Frame) -> str:
    """Say which of the groups met its limit, and what the kernel did."""
    met = [
        f"{load.name} was {_NO[load.setting]}"
        for load in LOADS
        if frame.figures[load.name].no
    ]
    if not met:
        return "None of them met its limit."
    others = "  The others noticed nothing." if len(met) < len(LOADS) else ""
    return f"{'; '.join(met)}.{others}"


def _not_set(load: Load, error: OSError) -> Markup:
    """Say that the kernel did not take a limit."""
    words = f"{load.setting} stays as it was: {os.strerror(error.errno or 0)}."
    why = "  Version 1 takes no limit of memory below what is in use."
    said = words + why if error.errno == errno.EBUSY else words
    return element("p", said, class_="cfs-note", role="status")


def _recorded(error: OSError) -> Markup:
    notes = [prose(hint) for hint in hints_of(error)]
    words = element("b", "Recorded on another machine, with all three. ")
    return element(
        "p", words, f"Not here: {error}.  ", *notes, class_="cfs-note", role="note"
    )
