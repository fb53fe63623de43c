"""limit_chart: the picture of a limit, and of the line that bends below it."""

from collections.abc import Sequence

from cfslib.observe.pressure import Load, Sample
from cfslib.views.page import Markup, element, join, svg

_WIDTH, _HEIGHT = 560, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 24, 34  # what is around the line
MIB = 1 << 20


def chart(load: Load, limit: int, samples: Sequence[Sample]) -> Markup:
    """Return the usage as a line, and the limit as another across it."""
    last = samples[-1].seconds if samples else 0
    seconds = max(1.5, last)
    most = max([limit, load.wants, *(sample.used for sample in samples)]) * 1.1
    points = " ".join(
        f"{_x(sample.seconds / seconds):.1f},{_y(sample.used / most):.1f}"
        for sample in samples
    )
    peak = max((sample.used for sample in samples), default=0)
    title = (
        f"{load.name}: at most {amount(load, peak)} in use, "
        f"with {load.setting} at {amount(load, limit)}"
    )
    return svg(
        _WIDTH,
        _HEIGHT,
        title,
        _axes(load, seconds),
        _limit_line(load, limit, _y(limit / most)),
        element(
            "polyline", points=points, fill="none", stroke="#0072b2", stroke_width=3
        ),
        _label(_LEFT - 8, _y(peak / most) + 4, amount(load, peak).split()[0], "end")
        if peak
        else "",
    )


def _axes(load: Load, seconds: float) -> Markup:
    right, floor = _x(1), _y(0)
    line = f"M{_LEFT},{_TOP} V{floor} H{right}"
    ticks = (number / 2 for number in range(1, int(seconds * 2) + 1))
    return join(
        element("path", d=line, class_="cfs-stroke"),
        _label(_LEFT, _TOP - 8, amount(load, 0).removeprefix("0 "), "middle"),
        _label(_LEFT - 8, floor + 4, "0", "end"),
        *(_label(_x(t / seconds), floor + 18, f"{t:g} s", "middle") for t in ticks),
    )


def _limit_line(load: Load, limit: int, height: float) -> Markup:
    words = f"{load.setting} = {amount(load, limit)}"
    return join(
        element(
            "line",
            x1=_LEFT,
            x2=_WIDTH - _RIGHT,
            y1=f"{height:.1f}",
            y2=f"{height:.1f}",
            stroke="#d55e00",
            stroke_width=2,
            stroke_dasharray="6 4",
        ),
        _label(_WIDTH - _RIGHT, height - 6, words, "end"),
    )


def _label(x: float, y: float, words: str, anchor: str) -> Markup:
    return element("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def amount(load: Load, count: int) -> str:
    """Write how much, in the unit of the load."""
    if load.setting == "pids.max":
        return f"{count} process{'' if count == 1 else 'es'}"
    return f"{count / MIB:.0f} MiB"
