"""Durations: a name, a number and a bar for each, drawn and in text."""

import re
from base64 import b64decode
from xml.etree import ElementTree

import pytest
from hypothesis import given

from cfslib.views import durations
from tests.views.trees import HOSTILE

pytestmark = pytest.mark.alike


def test_the_picture_shows_every_name_and_the_longest_bar() -> None:
    drawn = durations.to_svg({"a < b": 1000, "c": 500})

    assert "a &lt; b</text>" in drawn
    assert "1,000 us</text>" in drawn
    assert re.findall(r'width="(\d+)" height="16"', drawn) == ["300", "150"]


def test_a_bar_says_in_words_how_long_it_is() -> None:
    assert "b: 50% of the longest" in durations.to_svg({"a": 1000, "b": 500})


def test_the_picture_stands_alone() -> None:
    drawn = ElementTree.fromstring(durations.to_svg({"a": 1}))

    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert drawn.attrib["role"] == "img"


def test_where_nothing_is_drawn_there_is_text() -> None:
    shown = durations.bars({"a": 1, "bc": 2345.6})

    assert repr(shown).splitlines() == ["a          1 us", "bc     2,346 us"]


def test_a_notebook_shows_an_image_that_has_words() -> None:
    drawn = durations.bars({"a <": 1, "bc": 2345.6})._repr_html_()
    found = re.search('alt="(.*?)" src="data:image/svg\\+xml;base64,(.*?)"', drawn)

    assert found
    assert found[1] == "a &lt;: 1 microseconds, bc: 2,346 microseconds"
    assert b64decode(found[2]).startswith(b"<svg ")


@given(HOSTILE)
def test_a_name_may_be_anything(name: str) -> None:
    drawn = durations.to_svg({"a" + name: 1})

    assert drawn.count("<") == durations.to_svg({"a": 1}).count("<")
