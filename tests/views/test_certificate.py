import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cfslib.kernel.tracing import Call
from cfslib.views import certificate
from cfslib.views.style import NAMESPACES

pytestmark = pytest.mark.alike

SVG = "{http://www.w3.org/2000/svg}"
DAY = datetime.date(2026, 11, 29)


def call(name: str, microseconds: float) -> Call:
    return Call(name, {}, 0, 0, microseconds, 1)


CALLS = [call("clone", 900), call("sethostname", 3), call("mount", 30), call("x", 2)]


def test_each_call_is_a_bar_in_its_colour_and_the_longest_is_the_highest() -> None:
    root = ElementTree.fromstring(certificate.to_svg(CALLS, "Ada", DAY))
    bars = [rect for rect in root.iter(f"{SVG}rect") if rect.get("style")]
    heights = [float(bar.attrib["height"]) for bar in bars]

    assert [
        NAMESPACES[kind] in bar.attrib["style"]
        for kind, bar in zip(("PID", "UTS", "MNT"), bars, strict=False)
    ] == [True] * 3
    assert len(bars) == len(CALLS)
    assert max(heights) == heights[0] == certificate.HIGH


def test_it_says_who_what_and_when() -> None:
    drawn = certificate.to_svg(CALLS, "Ada <3", DAY)
    words = " ".join(ElementTree.fromstring(drawn).itertext())

    assert "Ada <3" in words
    assert "4 calls in 0.9 ms, on 2026-11-29" in words


def test_no_call_and_a_long_name_fit_as_well() -> None:
    drawn = certificate.to_svg([], "A" * 60, DAY)

    assert "font-size: 8px" in drawn
    assert "0 calls" in drawn


def test_it_is_drawn_and_kept(tmp_path: Path) -> None:
    shown = certificate.view(lambda: CALLS, tmp_path)
    (name, draw, keep), image = shown.box.children[0].children, shown.box.children[1]
    name.value = "Grace"
    draw.click()
    drawn = image.value
    before = list(tmp_path.iterdir())
    keep.click()

    assert 'src="data:image/svg+xml;base64,' in drawn
    assert before == []
    assert "Grace" in (tmp_path / certificate.FILE).read_text()
    assert certificate.FILE in shown.status.value


def test_a_trace_that_fails_is_said_below(tmp_path: Path) -> None:
    def refused() -> list[Call]:
        raise PermissionError("no namespaces here")

    shown = certificate.view(refused, tmp_path)
    shown.box.children[0].children[1].click()

    assert "no namespaces here" in shown.status.value
