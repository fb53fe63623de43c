"""Write all chapters as slides, in one file that needs no network.

    python slides.py FILE

A section is a slide, and so is each prediction: with its code, its output, which
appears when the answers have been given, and the text that explains it, as notes for
whoever speaks.  The notebooks are run once, for what their views show.
"""

import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pages

HERE = Path(__file__).parent
HEADING = re.compile(r"#{1,3} ")
STANDS_OUT = (">", "|", "```", "!", "- ", "1. ")  # a question, a table, a picture...
NOT_FOR_SLIDES = {"check", "predict"}  # tags


def main(file: str) -> None:
    """Write the slides."""
    deck = [*_opening()]
    for path in pages.NOTEBOOKS:
        print(f"running {path.stem}", flush=True)
        deck += chapter(path, pages.drawn(path))
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(bound(deck))
    print(f"written: {file}, {len(deck)} slides; the key n shows the notes")


def bound(deck: list[str]) -> str:
    """Return slides as one page."""
    made = "\n".join(
        f'<section class="slide" tabindex="0">{slide}</section>' for slide in deck
    )
    script = f"<script>{(HERE / 'slides.js').read_text()}</script>"
    buttons = (
        '<nav><button id="back" aria-label="Back">&lsaquo;</button>'
        '<output id="number"></output>'
        '<button id="on" aria-label="On">&rsaquo;</button></nav>'
    )
    style = (HERE / "slides.css").read_text()
    # Chapters are pages in the book; here they are on the same one.
    made = re.sub(r'href="(\d\d-[\w-]+)\.html(#[^"]*)?"', r'href="#\1"', made)
    body = f"<main>{made}</main>{buttons}{script}"
    return pages.page("Containers from scratch", body, style)


def _opening() -> Iterator[str]:
    """Yield the first slides: what there is, and an order to teach it in."""
    rows = "".join(
        f'<li><a href="#{path.stem}">{path.stem}</a>: '
        f"{html.escape(pages.title(pages.read(path)))}</li>"
        for path in pages.NOTEBOOKS
    )
    keys = "<p><kbd>→</kbd> on, <kbd>←</kbd> back, <kbd>n</kbd> notes</p>"
    yield f"<h1>Containers from scratch</h1><ul>{rows}</ul>{keys}"
    notes = (pages.TOP / "notebooks/instructor.md").read_text()
    cuts = notes.partition("\n## Cuts\n")[2].partition("\n## ")[0]
    yield from (pages.text(f"##{cut}") for cut in cuts.split("\n###")[1:])


def chapter(path: Path, pictures: dict[int, str]) -> list[str]:
    """Return the slides of a chapter."""
    slides = [Slide()]
    for number, cell in enumerate(pages.read(path)):
        if cell.cell_type == "markdown":
            for block in _blocks(cell.source):
                if HEADING.match(block) or (slides[-1].has_code and _asks(block)):
                    slides.append(Slide())
                slides[-1].say(block)
        elif not _is_glue(cell):
            slides[-1].show(pages.cell(cell, pictures.get(number, "")))
    first = f'<span id="{path.stem}"></span>'
    return [first + slides[1].html, *(slide.html for slide in slides[2:])]


class Slide:
    """A slide that is being filled."""

    def __init__(self) -> None:
        self.html = ""
        self.has_code = self.is_exercise = self.has_text = False

    def say(self, block: str) -> None:
        """Add text: seen if it is the first, or stands out; else it is a note."""
        made = pages.text(block)
        if HEADING.match(block):
            self.is_exercise = "Exercise" in block
        elif not block.startswith(STANDS_OUT):
            if not self.is_exercise and (self.has_text or self.has_code):
                made = f'<div class="note">{made}</div>'
            self.has_text = True
        self.html += made

    def show(self, made: str) -> None:
        """Add code and its output, which appears later."""
        self.has_code = True
        self.html += made.replace('<div class="out">', '<div class="out later">', 1)


def _asks(block: str) -> bool:
    return block.startswith("> **Predict.**")


def _is_glue(cell: pages.Cell) -> bool:
    """Say if a cell only checks: an answer, or what the text says."""
    asserts = re.search(r"^assert ", cell.source, re.MULTILINE) and not cell.outputs
    tags = set(cell.metadata.get("tags", []))
    return bool(asserts or tags & NOT_FOR_SLIDES or pages.is_asked(cell))


def _blocks(source: str) -> Iterator[str]:
    """Yield headings, paragraphs, tables..., without what is folded."""
    open_text = re.sub(r"<details>.*?</details>", "", source, flags=re.DOTALL)
    for piece in re.split(r"(^```.*?^```$)", open_text, flags=re.DOTALL | re.MULTILINE):
        if piece.startswith("```"):
            yield piece
        else:
            yield from (part.strip() for part in piece.split("\n\n") if part.strip())


if __name__ == "__main__":
    main(*sys.argv[1:])
