"""Printed source: the text as it is written, and the name of its file."""

import inspect
import re

import pytest

from cfslib.isolation import mounts
from cfslib.runtime import init, inside
from cfslib.views import source
from cfslib.views.source import Excerpt

pytestmark = pytest.mark.alike


def become() -> None:
    mounts.keep_private()  # < the host
    init.forget_the_host()


def words(drawn: str) -> str:
    """Return what a reader sees of markup, without the styles."""
    return re.sub("<style>.*?</style>|<.*?>", "", drawn, flags=re.DOTALL)


def test_the_text_is_what_print_shows_with_the_name_of_the_file() -> None:
    written = inspect.getsource(mounts.bind).rstrip()

    assert repr(source.show(mounts.bind)) == f"# cfslib/isolation/mounts.py\n{written}"


def test_what_is_drawn_is_the_same_text_in_colours() -> None:
    drawn = source.show(mounts.bind, become)._repr_html_()

    assert "cfslib/isolation/mounts.py" in words(drawn)
    assert "this notebook" in words(drawn)
    assert '<span class="k">def</span>' in drawn
    assert "# &lt; the host" in words(drawn)


def test_a_part_has_the_first_line_and_says_what_is_left_out() -> None:
    some = source.part(init.let_go_of_the_maker, "close_from", "close_from")
    head, before, line, after = some.text.splitlines()

    assert head.startswith("def let_go_of_the_maker(")
    assert "close_from" in line
    assert before.strip() == after.strip() == "..."
    assert repr(source.show(some)).endswith(some.text)


def test_a_part_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no line with 'nowhere'"):
        source.part(become, "nowhere", "nowhere")


def test_lines_that_do_the_same_stand_side_by_side() -> None:
    same = {"keep_private": "keep_private", "forget": "_be_init"}
    shown = source.beside(become, inside.become, same)
    left = [(yours, ours) for yours, ours in shown.rows if yours]

    assert [yours for yours, _ in left] == [
        "mounts.keep_private()",
        "init.forget_the_host()",
    ]
    assert "do(mounts.keep_private)" in left[0][1]
    assert len(shown.rows) == len(inspect.getsource(inside.become).splitlines())
    assert shown._repr_html_().count("cfs-line cfs-matched") == 4
    assert "keep_private()  |     do(mounts.keep_private)" in repr(shown)


def test_an_excerpt_may_come_from_anywhere() -> None:
    assert repr(source.show(Excerpt("a.c", "int x;"))) == "# a.c\nint x;"
