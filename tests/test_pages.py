"""That the book and the slides can be read anywhere, and that their links lead on."""

import importlib
import re
from types import ModuleType
from urllib.parse import unquote

import pytest

from tests.conftest import needs_namespaces
from tests.test_readme import TOP

pytestmark = [pytest.mark.alike, pytest.mark.long]

CHAPTERS = sorted(TOP.glob("notebooks/[0-9]*.ipynb"))
FROM_ELSEWHERE = (
    r'(?:src|srcset|data|poster)="?\s*(?:https?:)?//|url\(\W*(?:https?:)?//'
)


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOP / ".make"))
    return importlib.import_module("book")


@pytest.fixture
def slides(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOP / ".make"))
    return importlib.import_module("slides")


@pytest.fixture
def pages(book: ModuleType) -> dict[str, str]:
    """Return the whole book, without what the views show."""
    chapters = {path.stem: book.written(path, {}) for path in CHAPTERS}
    return {f"{name}.html": text for name, text in (chapters | book.others()).items()}


@pytest.fixture
def deck(slides: ModuleType) -> str:
    """Return all slides, without what the views show."""
    made = [slide for path in CHAPTERS for slide in slides.chapter(path, {})]
    return str(slides.bound([*slides._opening(), *made]))


def test_every_link_in_the_book_leads_somewhere(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        for link in re.findall(r'<a href="([^"]*)"', text):
            if not link.startswith("https://"):
                page, _, anchor = unquote(link).partition("#")
                there = pages[page or name]
                assert not anchor or f'id="{anchor}"' in there, f"{name}: {link}"


def test_every_chapter_can_be_reached_from_every_page(pages: dict[str, str]) -> None:
    for text in pages.values():
        for path in CHAPTERS:
            assert f'href="{path.stem}.html"' in text


def test_nothing_is_fetched_from_a_network(pages: dict[str, str], deck: str) -> None:
    for text in [*pages.values(), deck]:
        assert not re.search(FROM_ELSEWHERE, text)
        assert not re.search(r"<(link|iframe|script src|base)\b|@import", text)
        for file in re.findall(r'<img[^>]* src="([^"]{0,20})', text):
            assert file.startswith("data:image/")
    assert re.search(FROM_ELSEWHERE, '<script src="https://cdn.example/x.js">')


def test_the_book_has_all_that_was_printed(pages: dict[str, str]) -> None:
    assert "host is called cfs-container: False" in pages["00-start-here.html"]
    assert "quiz.ask" not in "".join(pages.values())


def test_every_question_is_listed_with_its_answers(pages: dict[str, str]) -> None:
    text = pages["questions.html"]
    asked = sum(path.read_text().count("quiz.ask(") for path in CHAPTERS)

    assert text.count("✓") == text.count("<p><strong>") == asked
    assert text.count("✗") >= asked


def test_each_prediction_is_on_a_slide_and_no_solution_is(deck: str) -> None:
    asked = sum(path.read_text().count("> **Predict.**") for path in CHAPTERS)

    assert deck.count("<strong>Predict.</strong>") == asked
    assert "<summary>" not in deck
    assert "[ ] " not in deck


def test_a_slide_shows_no_output_before_it_is_asked_for(deck: str) -> None:
    assert '<div class="out later">' in deck
    assert '<div class="out">' not in deck


def test_each_chapter_is_found_on_a_slide(deck: str) -> None:
    names = re.findall(r'<a href="#([^"]*)"', deck)

    assert set(names) >= {path.stem for path in CHAPTERS}
    for name in names:
        assert f'id="{unquote(name)}"' in deck


@needs_namespaces
@pytest.mark.long
def test_a_page_shows_what_a_view_shows(book: ModuleType) -> None:
    path = TOP / "notebooks/01-hostname.ipynb"
    pictures = book.pages.drawn(path)

    (shown,) = [
        each for each in pictures.values() if "<table" in each and "NET" in each
    ]

    assert "<button" not in shown
    written = book.written(path, pictures).replace(' tabindex="0"', "")
    assert shown.replace(' tabindex="0"', "") in written
