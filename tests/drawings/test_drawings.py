"""The pictures in notebooks/images are those that are drawn here, and can be read."""

import re
from itertools import pairwise, product
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cfslib.views import drawing
from cfslib.views.style import KINDS, NAMESPACES, letters_on
from tests.drawings import strips
from tests.drawings.files import IMAGES, drawn
from tests.test_layers import ROOMS
from tests.views.test_style import contrast

pytestmark = pytest.mark.alike

SVG = "{http://www.w3.org/2000/svg}"
each = pytest.mark.parametrize("name", drawn())


def test_the_files_are_what_is_drawn() -> None:
    kept = {path.name: path.read_text() for path in IMAGES.glob("*.svg")}

    assert kept == {name: f"{picture}\n" for name, picture in drawn().items()}, (
        "run: make pictures"
    )


@each
def test_a_picture_is_small_and_complete(name: str) -> None:
    root = ElementTree.fromstring(drawn()[name])
    references = re.findall(r"url\((.)", drawn()[name])

    assert root.tag == f"{SVG}svg"
    assert len(drawn()[name]) < 12_000
    assert set(references) <= {"#"}
    assert not {"href", "src"} & {key for e in root.iter() for key in e.attrib}
    assert "@import" not in drawn()[name]


@each
def test_a_picture_says_what_it_shows(name: str) -> None:
    title = ElementTree.fromstring(drawn()[name]).findtext(f"{SVG}title")

    assert title
    assert title.endswith((".", "?"))


@pytest.mark.parametrize("palette", [drawing.LIGHT, drawing.DARK])
def test_words_can_be_read_on_their_ground(palette: dict[str, str]) -> None:
    for ink, ground in product(("ink", "soft"), ("panel", "box")):
        assert contrast(palette[ink], palette[ground]) >= 4.5
    assert contrast(palette["line"], palette["panel"]) >= 3  # the edge of a box
    assert contrast(palette["panel"], palette["ink"]) >= 4.5  # the root of a strip


def test_the_name_of_a_namespace_can_be_read_on_its_colour() -> None:
    for colour in NAMESPACES.values():
        assert contrast(letters_on(colour), colour) >= 4.5


def test_each_chapter_adds_to_what_the_container_has() -> None:
    strip = list(map(strips.has, strips.CHAPTERS))

    assert strip[0] == []
    assert all(set(one) <= set(next_) for one, next_ in pairwise(strip))
    assert set(strip[-1]) < {*KINDS, strips.ROOT}


def test_the_wall_of_rooms_has_every_room() -> None:
    root = ElementTree.fromstring(drawn()["rooms.svg"])

    assert {text.text for text in root.iter(f"{SVG}text")} == set(ROOMS)


PAGES = [*IMAGES.parent.glob("*.ipynb"), IMAGES.parents[1] / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_says_of_a_picture_what_its_title_says(page: Path) -> None:
    shown = re.findall(r"!\[([^\]]*)\]\([\w/-]*?([\w-]+\.svg)\)", page.read_text())

    for said, name in shown:
        title = ElementTree.fromstring(drawn()[name]).findtext(f"{SVG}title") or ""
        assert said == " ".join(title.split()), f"{name}: {title}"


def test_every_picture_is_shown_somewhere() -> None:
    pages = "".join(page.read_text() for page in PAGES)

    assert [name for name in drawn() if f"images/{name})" not in pages] == []
