import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.views import differences
from tests.views.test_page import Reader

pytestmark = pytest.mark.alike

MANY = "".join(f"{number} same\n" for number in range(100))


def test_only_what_differs_is_marked() -> None:
    ours, theirs = differences.marked("same  1\nhost\n", "same 1\nbox\n")

    assert "<mark>≠ host</mark>" in ours
    assert "<mark>≠ box</mark>" in theirs
    assert "≠ same" not in ours + theirs


def test_many_lines_that_both_have_are_folded_between_those_that_differ() -> None:
    ours, _ = differences.marked(f"{MANY}host\n", f"{MANY}box\n")
    before, _, folded = ours.partition("<details>")
    inner, _, after = folded.partition("</details>")

    assert "<summary>96 more lines that both have</summary>" in inner
    assert "1 same" in before
    assert "50 same" in inner
    assert "≠ host" in after


def test_a_few_lines_are_not_folded() -> None:
    ours, _ = differences.marked("a\nb\nc\nhost\n", "a\nb\nc\nbox\n")

    assert "<details>" not in ours


@given(st.lists(st.sampled_from(["a", "b", "<c>"])), st.lists(st.sampled_from("ab")))
def test_no_line_is_lost(ours: list[str], theirs: list[str]) -> None:
    drawn, _ = differences.marked("\n".join(ours), "\n".join(theirs))
    lines = [
        line.removeprefix("≠ ")
        for line in Reader(
            drawn.replace("</summary>", "\n").replace("</details>", "\n")
        ).text.splitlines()
        if "more lines that both have" not in line
    ]

    assert lines == (ours or ["(nothing)"])
