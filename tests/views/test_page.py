from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.views import page
from cfslib.views.page import Markup, element, escape

pytestmark = pytest.mark.alike

anything = st.text(st.characters())  # halves of surrogate pairs too, as in file names


class Reader(HTMLParser):
    """Collects what a browser would: elements with their attributes, and text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element and its attributes."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self.text += data


def visible(text: str) -> str:
    return page.UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


@given(anything)
def test_text_stays_text(text: str) -> None:
    seen = Reader(element("p", text))

    assert seen.elements == [("p", {})]
    assert seen.text == visible(text)


@given(anything)
def test_an_attribute_stays_an_attribute(text: str) -> None:
    seen = Reader(element("p", title=text))

    assert seen.elements == [("p", {"title": visible(text)})]


@given(anything)
def test_whatever_a_process_is_called_can_be_sent_to_the_browser(text: str) -> None:
    drawn = [
        page.page(text),
        page.table(text, [text, text], [[text, text]]),
        page.output(text, text),
        page.kind_badge("UTS", text),
        page.svg(10, 10, text, element("text", text)),
    ]

    for markup in drawn:
        markup.encode()
        assert {tag for tag, _ in Reader(markup).elements}.isdisjoint({"script", "b>"})


@given(anything)
def test_a_drawing_is_well_formed(text: str) -> None:
    ElementTree.fromstring(page.svg(10, 10, text, element("text", text, x=1)))


def test_markup_is_not_escaped_again() -> None:
    assert escape(element("b", "<")) == "<b>&lt;</b>"


def test_a_string_made_of_markup_is_text_again() -> None:
    broken = "<script>" + element("b", "x")

    assert not isinstance(broken, Markup)
    assert "<script>" not in escape(broken)


@pytest.mark.parametrize(("value", "shown"), [(None, ""), (False, ""), (True, " open")])
def test_an_attribute_can_be_there_without_a_value(value: object, shown: str) -> None:
    assert element("details", open=value) == f"<details{shown}></details>"


def test_a_table_says_what_its_headings_belong_to() -> None:
    seen = Reader(page.table("Who", ["pid", "name"], [[1, "init"]])).elements

    assert ("caption", {}) in seen
    assert seen.count(("th", {"scope": "col"})) == 2
    assert seen.count(("th", {"scope": "row"})) == 1


def test_a_drawing_has_a_text_alternative() -> None:
    _, attributes = Reader(page.svg(10, 10, "Two <boxes>")).elements[0]

    assert attributes["role"] == "img"
    assert attributes["aria-label"] == "Two <boxes>"


def test_what_can_scroll_can_be_reached_by_the_keyboard() -> None:
    _, attributes = Reader(page.output("text", "what ps printed")).elements[0]

    assert attributes["tabindex"] == "0"
    assert attributes["aria-label"] == "what ps printed"


def test_no_two_badges_have_the_same_letter() -> None:
    letters = [page.letter(number) for number in range(1000)]

    assert len(set(letters)) == 1000
