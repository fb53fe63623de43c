"""certificate: all exercises are done, and here is the proof, a trace of one's own.

A container of the learner's is started and traced.  Each call is a bar, in the order in
which they were made, the higher the longer it took.  No other machine draws the same.
"""

import base64
import datetime
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets

from cfslib.kernel.tracing import Call
from cfslib.views.drawing import middle, picture, text, wire
from cfslib.views.page import Markup, element, join, page
from cfslib.views.style import KINDS, NAMESPACES, letters_on
from cfslib.views.widget import View, button, labelled, row

FILE = "certificate.svg"
LEFT, WIDE, GROUND, HIGH = 40, 580, 312, 140  # of the bars
# What a call is about.  All others are grey.
ABOUT = {
    "UTS": {"sethostname"},
    "PID": {"clone", "posix_spawn"},
    "MNT": {"mount", "umount2", "pivot_root", "mkdir", "mknod", "symlink", "chdir"},
    "USER": {"setgroups", "setgid", "setuid", "capset", "prctl"},
    "CGROUP": {"unshare"},
}


def view(trace: Callable[[], Sequence[Call]], folder: Path) -> View:
    """Return the certificate with a place for a name; it is kept in the folder."""
    shown_here = ipywidgets.HTML()
    name = labelled(ipywidgets.Text(description="Your name"))

    def made() -> Markup:
        return to_svg(trace(), name.value.strip() or "you", datetime.date.today())

    def show() -> None:
        shown_here.value = as_image(made())

    def keep() -> None:
        drawn = made()
        shown_here.value = as_image(drawn)
        (folder / FILE).write_text(drawn)
        shown.say(f"Kept as {FILE}, beside this notebook.")

    shown = View(
        "Your certificate",
        row(
            name,
            button("Draw it", lambda: shown.attempt(show), icon="certificate"),
            button("Keep it", lambda: shown.attempt(keep), icon="save"),
        ),
        shown_here,
    )
    return shown


def as_image(drawn: str) -> Markup:
    """Return a picture for a page, which its style sheet cannot leave."""
    data = base64.b64encode(drawn.encode()).decode()
    words = "Your certificate, with the trace of a container"
    return page(element("img", src=f"data:image/svg+xml;base64,{data}", alt=words))


def to_svg(calls: Sequence[Call], name: str, day: datetime.date) -> Markup:
    """Return the certificate as a file."""
    took = sum(call.microseconds for call in calls) / 1000
    proof = f"{len(calls)} calls in {took:.1f} ms, on {day:%Y-%m-%d}"
    return picture(
        396,
        f"Containers from scratch.  {name} built a container: {proof}.",
        element("rect", x=12, y=12, width=636, height=372, rx=6, class_="box strong"),
        middle(330, 56, "Containers from scratch", "soft"),
        _large(name),
        middle(330, 136, "built a container, wall by wall.  These are its calls:"),
        *_bars(calls),
        wire((LEFT, GROUND), (LEFT + WIDE, GROUND)),
        *_legend(Counter(map(_about, calls))),
        middle(330, 374, proof, "small soft"),
    )


def _large(name: str) -> Markup:
    size = min(30, int(0.85 * WIDE / len(name)))  # a W is wider than it is high
    return element(
        "text", name, x=330, y=100, class_="middle bold", style=f"font-size: {size}px"
    )


def _about(call: Call) -> str:
    return next((kind for kind, names in ABOUT.items() if call.name in names), "")


def _bars(calls: Sequence[Call]) -> list[Markup]:
    step = WIDE / max(len(calls), 1)
    longest = max((call.microseconds for call in calls), default=0)
    return [
        _bar(LEFT + step * n, step, _height(call.microseconds, longest), _about(call))
        for n, call in enumerate(calls)
    ]


def _height(took: float, longest: float) -> float:
    """Return the height of a bar.

    One call takes milliseconds, most take microseconds: a logarithm shows both.
    """
    return 4 + (HIGH - 4) * math.log1p(took) / (math.log1p(longest) or 1)


def _bar(x: float, step: float, height: float, kind: str) -> Markup:
    return element(
        "rect", x=f"{x:.1f}", y=f"{GROUND - height:.1f}",
        width=f"{step * 0.8:.1f}", height=f"{height:.1f}",
        style=f"fill: {NAMESPACES.get(kind, 'var(--line)')}",
    )  # fmt: skip


def _legend(counts: Counter[str]) -> list[Markup]:
    kinds = [kind for kind in KINDS if counts[kind]]
    x = 330 - 49 * len(kinds) - 40
    return [
        *(_colour(kind, counts[kind], x + 98 * n) for n, kind in enumerate(kinds)),
        text(x + 98 * len(kinds), 345, f"others {counts['']}", "small"),
    ]


def _colour(kind: str, count: int, x: float) -> Markup:
    colour = NAMESPACES[kind]
    return join(
        element("rect", x=x, y=328, width=92, height=24, rx=4, fill=colour),
        element(
            "text", f"{kind} {count}", x=x + 46, y=345, class_="middle bold least",
            style=f"fill: {letters_on(colour)}",
        ),
    )  # fmt: skip
