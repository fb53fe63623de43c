"""What the instructor's notes say about the chapters is so."""

import json
import re

import pytest

from tests.test_readme import README, TOP

pytestmark = pytest.mark.alike

NOTES = (TOP / "notebooks/instructor.md").read_text()
PARTS = dict(re.findall(r"^### (\d\d-[\w-]+)\n\n((?:\|.*\n)+)", NOTES, re.MULTILINE))


def rows(part: str) -> list[tuple[str, int]]:
    """Return the sections of a table, with their minutes."""
    found = re.findall(r"^\| ([^|]+) \| (\d+) \|", part, re.MULTILINE)
    return [(section, int(minutes)) for section, minutes in found]


def headings(chapter: str) -> list[str]:
    """Return what the sections of a notebook are called."""
    cells = json.loads((TOP / f"notebooks/{chapter}.ipynb").read_text())["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    return re.findall(r"^##+ (.+)$", text, re.MULTILINE)


def test_every_chapter_has_its_notes() -> None:
    assert list(PARTS) == sorted(path.stem for path in TOP.glob("notebooks/*.ipynb"))


@pytest.mark.parametrize("chapter", PARTS)
def test_the_sections_are_those_of_the_chapter(chapter: str) -> None:
    named = [section for section, _ in rows(PARTS[chapter])]
    there = headings(chapter)

    assert [section for section in named if section not in there] == []
    assert named == sorted(named, key=there.index)


@pytest.mark.parametrize("chapter", PARTS)
def test_the_minutes_add_up_to_those_in_the_readme(chapter: str) -> None:
    promised = re.search(rf"^\| `{chapter}` .*\| (\d+) \|$", README, re.MULTILINE)

    assert promised
    assert sum(minutes for _, minutes in rows(PARTS[chapter])) == int(promised[1])


def test_the_shortest_cut_is_short_enough() -> None:
    cut = NOTES.partition("### 90 minutes")[2].partition("###")[0]
    minutes = re.findall(r"\| (\d+) \|$", cut, re.MULTILINE)

    assert 60 < sum(map(int, minutes)) <= 90
