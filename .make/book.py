"""Write all chapters as pages to read in a browser, without running anything.

    python book.py DIRECTORY

The notebooks are run once, for what their views show; all else is as saved.
"""

import html
import sys
from pathlib import Path

import pages

from cfslib.lessons import predictions
from cfslib.lessons.predictions import Question

STYLE = """
main { max-width: 50rem; margin: 0 auto; padding: 0 1.2rem 4rem; }
nav { display: flex; flex-wrap: wrap; gap: 0.3em 1.2em; padding: 0.8rem 1.2rem;
  border-bottom: 1px solid var(--line); font-size: 0.85em; }
nav [aria-current] { color: inherit; font-weight: 700; text-decoration: none; }
main.wide { max-width: 84rem; font-size: 0.85em; }
@page wide { size: A4; margin: 8mm; }
@media print {
  main.wide { page: wide; padding: 0; font-size: 6.5pt; line-height: 1.25; }
  main.wide h1, main.wide h2 { margin: 0.4em 0 0.2em; }
  main.wide p { margin: 0.2em 0; }
}
@media print { nav { display: none; } }
"""
SHEETS = ("cheat-sheet", "instructor")  # beside the notebooks, in Markdown


def main(place: str) -> None:
    """Write the book."""
    directory = Path(place)
    directory.mkdir(parents=True, exist_ok=True)
    for path in pages.NOTEBOOKS:
        print(f"running {path.stem}", flush=True)
        chapter = written(path, pages.drawn(path))
        (directory / f"{path.stem}.html").write_text(chapter)
    for name, text in others().items():
        (directory / f"{name}.html").write_text(text)
    print(f"written: {directory}/index.html")


def written(path: Path, pictures: dict[int, str]) -> str:
    """Return a chapter as a page."""
    cells = pages.read(path)
    body = "\n".join(
        pages.cell(cell, pictures.get(number, ""))
        for number, cell in enumerate(cells)
        if not pages.is_asked(cell)
    )
    return _page(path.stem, pages.title(cells), body)


def others() -> dict[str, str]:
    """Return the other pages: what there is to read, and the sheets."""
    found = {"index": _page("index", "Containers from scratch", _contents())}
    for name in SHEETS:
        source = (pages.TOP / f"notebooks/{name}.md").read_text()
        heading = source.splitlines()[0].removeprefix("# ")
        found[name] = _page(name, heading, pages.text(source))
    found["questions"] = _page("questions", "Questions", pages.text(questions()))
    return found


def questions() -> str:
    """Return all predictions with their answers, right and wrong, as Markdown."""
    lines = ["# Questions, with what is right and what is not"]
    last = ""
    for question in predictions.every():
        chapter = question.name.partition("/")[0]
        if chapter != last:
            lines.append(f"## {chapter}")
        last = chapter
        lines += [f"**{question.text}**", "\n".join(_answers(question))]
    return "\n\n".join(lines)


def _answers(question: Question) -> list[str]:
    return [
        f"- {'✓' if choice.right else '✗'} {choice.text}: {choice.reason}"
        for choice in question.choices
    ]


def _contents() -> str:
    rows = "".join(
        f'<li><a href="{path.stem}.html">{path.stem}</a>: '
        f"{html.escape(pages.title(pages.read(path)))}</li>"
        for path in pages.NOTEBOOKS
    )
    return (
        "<h1>Containers from scratch</h1><p>All chapters, with what their cells print. "
        "Before you look at an output, decide what it will be.</p>"
        f"<ul>{rows}</ul>"
    )


def _page(name: str, title: str, body: str) -> str:
    chapters = [path.stem for path in pages.NOTEBOOKS]
    names = ["index", *chapters, *SHEETS, "questions"]
    links = "".join(
        f'<a href="{other}.html"{" aria-current=page" if other == name else ""}>'
        f"{other}</a>"
        for other in names
    )
    wide = ' class="wide"' if name == "cheat-sheet" else ""
    inside = f'<nav aria-label="Chapters">{links}</nav>\n<main{wide}>{body}</main>'
    return pages.page(title, inside, STYLE)


if __name__ == "__main__":
    main(*sys.argv[1:])
