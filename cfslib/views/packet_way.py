"""packet_way: a small network, and a packet's way through it, frame by frame.

A learner chooses who sends and what is missing; the network is made anew, and what was
seen at its interfaces is a story of as many steps.
"""

from collections.abc import Callable, Collection, Sequence

import ipywidgets

from cfslib.observe.frames import OUT, Frame
from cfslib.observe.interfaces import Interface
from cfslib.observe.ways import NAMES, PARTS, TRIPS, Way
from cfslib.views import steps
from cfslib.views.page import Markup, element, join, page, svg, table
from cfslib.views.steps import Step
from cfslib.views.style import COLOURS
from cfslib.views.widget import View, button, checkbox, labelled, row

WIDTH, HEIGHT = 700, 268
NOW, SEEN, GOOD, BAD = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[5]
# Where each namespace is, and each interface: left, top, width, height.
SPACES = {
    "a": (6, 26, 150, 96),
    "b": (6, 160, 150, 96),
    "host": (228, 26, 262, 230),
    "outside": (558, 86, 136, 96),
}
WIDE, HIGH = 62, 30
PLACES = {
    ("a", "lo"): (20, 84),
    ("a", "eth0"): (112, 58),
    ("b", "lo"): (20, 218),
    ("b", "eth0"): (112, 192),
    ("host", "to-a"): (206, 58),
    ("host", "to-b"): (206, 192),
    ("host", "lo"): (300, 216),
    ("host", "br0"): (312, 125),
    ("host", "wan"): (452, 125),
    ("outside", "eth0"): (534, 125),
    ("outside", "lo"): (618, 144),
}
# Cables, and what is inside of the host: the bridge's ports, and what is routed.
CABLES = (
    (("a", "eth0"), ("host", "to-a")),
    (("b", "eth0"), ("host", "to-b")),
    (("host", "wan"), ("outside", "eth0")),
)
INSIDE = (
    (("host", "to-a"), ("host", "br0")),
    (("host", "to-b"), ("host", "br0")),
    (("host", "br0"), ("host", "wan")),
)
Tell = Callable[[str, Collection[str]], Way]


def view(told: Tell) -> View:
    """Return the network, with what can be sent, what can be missing, and the steps."""
    trip = labelled(ipywidgets.Dropdown(options=list(TRIPS), description="Send"))
    parts = [checkbox(part, ticked=True) for part in PARTS]
    number = labelled(ipywidgets.IntSlider(description="Step", min=0))
    number.layout.width = "min(22rem, 100%)"
    drawn, listed = ipywidgets.HTML(), ipywidgets.HTML()
    story: list[Step] = []

    def draw(*_: object) -> None:
        drawn.value = steps.to_html(story, number.value)

    def send(*_: object) -> None:
        missing = [part.description for part in parts if not part.value]
        way = told(trip.value, missing)
        story[:] = tell(trip.value, way)
        number.max = len(story) - 1
        number.value = 0
        draw()
        listed.value = page(_recorded(way), _as_table(way))

    def move(by: int) -> None:
        number.value = min(max(number.value + by, 0), number.max)

    for control in (trip, *parts):
        control.observe(lambda _: shown.attempt(send), "value")
    number.observe(lambda _: shown.attempt(draw), "value")
    back = button("Back", lambda: move(-1), tip="To the frame before")
    on = button("Next", lambda: move(1), tip="To the next frame")
    again = button("Send again", lambda: shown.attempt(send))
    shown: View = View(
        "A packet's way", row(trip, again), row(*parts), row(back, on, number), drawn,
        listed,
    )  # fmt: skip
    shown.attempt(send)
    return shown


def tell(trip: str, way: Way) -> list[Step]:
    """Return a step for each frame, between what there is and what came of it."""
    who, address = TRIPS[trip]
    first = f"`{who}` sends an echo request to `{address}`."
    before = picture(way, 0, f"Nothing is sent yet. {first}")
    told = [Step("The network", first, before)]
    for number, frame in enumerate(way.frames, 1):
        where = f"`{frame.link}` of {frame.space}, {frame.way}"
        said = f"`{frame.text}`.{changed(way.frames[:number])}"
        told.append(Step(where, said, picture(way, number, str(frame))))
    end = f"`{who}` was told: {way.outcome}.{lost(way)}"
    return [*told, Step("What came of it", end, picture(way, len(told), end, True))]


def changed(frames: Sequence[Frame]) -> str:
    """Say so if the last frame has another address than the same one had before."""
    last = frames[-1]
    kind = last.text.rpartition(" echo ")[2]
    before = [f for f in frames[:-1] if f.text.rpartition(" echo ")[2] == kind]
    if not before or " echo " not in last.text:
        return ""
    if before[-1].source != last.source:
        return f" The sender is {last.source} now: masqueraded."
    if before[-1].target != last.target:
        return f" It is for {last.target} again, by the host's note."
    return ""


def lost(way: Way) -> str:
    """Say where a packet was seen last, if it was not answered."""
    if way.outcome.startswith("answer"):
        return ""
    if not way.frames:
        return " Nothing was seen at any interface."
    last = way.frames[-1]
    return f" What was seen last, at `{last.link}` of {last.space}: `{last.text}`."


def picture(way: Way, number: int, said: str, ended: bool = False) -> Markup:
    """Return the network after so many frames, the last of them marked."""
    there = {(n, one.name): one for n in NAMES for one in way.there[n]}
    met = {(frame.space, frame.link) for frame in way.frames[:number]}
    now = way.frames[number - 1] if number and not ended else None
    return svg(
        WIDTH, HEIGHT, said.replace("`", ""),
        *(_space(name) for name in NAMES),
        *(_wire(a, b, there, "cfs-stroke") for a, b in INSIDE),
        *(_wire(a, b, there, "cfs-wire") for a, b in CABLES),
        *(_interface(at, one, at in met, now) for at, one in there.items()),
        _answer(way) if ended else "",
    )  # fmt: skip


def _space(name: str) -> Markup:
    x, y, width, height = SPACES[name]
    return join(
        element("rect", x=x, y=y, width=width, height=height, rx=8, class_="cfs-knot",
                style="fill: var(--cfs-raised)"),
        element("text", name, x=x + 10, y=y - 8, class_="cfs-bold"),
    )  # fmt: skip


Place = tuple[str, str]


def _wire(
    start: Place, end: Place, there: dict[Place, Interface], class_: str
) -> Markup:
    """Draw what joins two interfaces; a cable without a carrier is cut."""
    (x1, y1), (x2, y2) = (
        (PLACES[at][0] + WIDE / 2, PLACES[at][1] + HIGH / 2) for at in (start, end)
    )
    is_cut = not (there[start].has_carrier and there[end].has_carrier)
    dash = "4 6" if is_cut else None
    line = element(
        "path", d=f"M{x1} {y1} L{x2} {y2}", class_=class_, stroke_dasharray=dash
    )
    is_cable = class_ == "cfs-wire"
    mark = element("text", "✂", x=(x1 + x2) / 2, y=(y1 + y2) / 2 - 20,
                   text_anchor="middle", class_="cfs-bold")  # fmt: skip
    return join(line, mark if is_cut and is_cable else "")


def _interface(at: Place, one: Interface, met: bool, now: Frame | None) -> Markup:
    x, y = PLACES[at]
    here = now is not None and (now.space, now.link) == at
    fill = NOW if here else SEEN if met else "var(--cfs-ground)"
    ink = "cfs-on" if here or met else "cfs-in"
    address = one.addresses[0].partition("/")[0] if one.addresses else ""
    state = "" if one.has_carrier else "no carrier" if one.is_up else "down"
    below = y + HIGH + 15
    return join(
        element("rect", x=x, y=y, width=WIDE, height=HIGH, rx=5, class_="cfs-knot",
                style=f"fill: {fill}",
                stroke_dasharray=None if one.has_carrier else "4 3"),
        _words(x + WIDE / 2, y + 20, one.name, f"cfs-code cfs-bold {ink}"),
        _words(x + WIDE / 2, below, address, "") if at[1] != "lo" else "",
        _words(x + WIDE / 2, below + (15 if address else 0), state, "")
        if at[1] != "lo" else "",
        _words(x + WIDE / 2, y - 8, "▲ out" if now and now.way == OUT else "▼ in",
               "cfs-bold") if here else "",
    )  # fmt: skip


def _words(x: float, y: float, text: str, class_: str) -> Markup:
    return element("text", text, x=x, y=y, text_anchor="middle", class_=class_ or None)


def _answer(way: Way) -> Markup:
    good = way.outcome.startswith("answer")
    mark, short = "✓" if good else "✗", way.outcome.partition(",")[0]
    return join(
        element("rect", x=504, y=214, width=190, height=30, rx=15,
                style=f"fill: {GOOD if good else BAD}"),
        element("text", f"{mark} {short}", x=599, y=234, text_anchor="middle",
                class_="cfs-bold cfs-on"),
    )  # fmt: skip


def _as_table(way: Way) -> Markup:
    rows = [
        (str(n), f"{f.space} {f.link}", f.way, element("code", f.text))
        for n, f in enumerate(way.frames, 1)
    ]
    head = ("step", "seen at", "way", "frame")
    made = table("All frames, in the kernel's order", head, rows)
    return element("details", element("summary", "As a table"), made)


def _recorded(way: Way) -> Markup:
    if not way.recorded:
        return join()
    said = element("b", "Recorded on another machine. ")
    return element("p", said, f"Not here: {way.recorded}.", class_="cfs-note")
