"""Durations: a name, a number and a bar for each."""

import re

from hypothesis import given

from cfslib.views import durations
from tests.views.trees import HOSTILE


def test_the_picture_shows_every_name_and_the_longest_bar() -> None:
    drawn = durations.to_html({"a < b": 1000, "c": 500})

    assert re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', drawn) == [
        ("a &lt; b", "1,000"),
        ("c", "500"),
    ]
    assert re.findall(r'<rect width="(\d+)"', drawn) == ["320", "160"]


def test_a_bar_says_in_words_how_long_it_is() -> None:
    drawn = durations.to_html({"a": 1000, "b": 500})

    assert 'aria-label="50% of the longest"' in drawn


def test_a_notebook_shows_it_as_html() -> None:
    shown = durations.bars({"a": 1})

    assert shown.data == durations.to_html({"a": 1})


@given(HOSTILE)
def test_a_name_may_be_anything(name: str) -> None:
    drawn = durations.to_html({"a" + name: 1})

    assert drawn.count("<") == durations.to_html({"a": 1}).count("<")
