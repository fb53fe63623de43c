"""source: functions as they are written, in colours, with the name of their file.

It is no widget: a notebook saves it, and where nothing is drawn there is the text.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pygments
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from cfslib.views.page import Markup, element, page, table

Function = Callable[..., object]
HERE = Path(__file__).parents[2]  # where the package is
# By the token of pygments: the colour that JupyterLab's editor has for it, and another
# for elsewhere.  Comments have none: its colour for them is hard to read.
_COLOURS = {
    "k": ("keyword", "#008000"),
    "s": ("string", "#ba2121"),
    "m": ("number", "#008800"),
    "nb": ("builtin", "#008000"),
    "nf": ("def", "#0000ff"),
    "nd": ("meta", "#aa22ff"),
}
_SHEET = """
.cfs figure.cfs-source {
  margin: 0.4em 0; border: 1px solid var(--cfs-line); border-radius: 4px;
}
.cfs .cfs-source figcaption {
  padding: 0.2em 0.8em; border-bottom: 1px solid var(--cfs-line);
  background: var(--cfs-raised);
}
.cfs .cfs-source pre {
  background: none; margin: 0; padding: 0.5em 0.8em; white-space: pre;
}
.cfs .cfs-source span[class^=c] { font-style: italic; }
.cfs .cfs-line {
  font: var(--jp-code-font-size, 13px)/1.4
    var(--jp-code-font-family, ui-monospace, monospace);
  white-space: pre-wrap; overflow-wrap: break-word;
  border-left: 4px solid transparent;
  padding-left: calc(0.4em + 8ch); text-indent: -8ch;  /* if it is wrapped */
}
.cfs .cfs-line.cfs-matched { border-left-color: #e69f00; }
/* JupyterLab has numbers in mind: lines on a ground of their own, and to the right. */
.cfs .cfs-lines.cfs-source tr:nth-child(n) { background: none; }
.cfs .cfs-lines.cfs-source th, .cfs .cfs-lines.cfs-source td {
  border: 0; padding: 0 1em 0 0; text-align: left;
}
.cfs .cfs-lines tbody th { font-weight: normal; }
.cfs .cfs-lines table { min-width: 50em; }  /* in a narrow window, it can be moved */
""" + "\n".join(
    f".cfs-source span[class^={token}] {{ color: var(--jp-mirror-editor-{name}-color,"
    f" {colour}); }}"
    for token, (name, colour) in _COLOURS.items()
)


@dataclass(frozen=True)
class Excerpt:
    """Some lines of a file."""

    file: str
    text: str


class Source:
    """One function or more, to be shown by a notebook."""

    def __init__(self, *excerpts: Excerpt) -> None:
        self.excerpts = excerpts

    def __repr__(self) -> str:
        return "\n\n".join(f"# {one.file}\n{one.text}" for one in self.excerpts)

    def _repr_html_(self) -> str:
        return page(element("style", Markup(_SHEET)), *map(_figure, self.excerpts))


class Beside:
    """Two functions, a line of one beside the line of the other that does the same."""

    def __init__(self, yours: Excerpt, ours: Excerpt, same: Mapping[str, str]) -> None:
        self.rows = aligned(yours.text, ours.text, same)
        self.files = yours.file, ours.file

    def __repr__(self) -> str:
        width = max(len(left) for left, _ in self.rows)
        rows = [self.files, *self.rows]
        return "\n".join(f"{left:<{width}} | {right}".rstrip() for left, right in rows)

    def _repr_html_(self) -> str:
        rows = [
            (_line(left, bool(left)), _line(right, bool(left)))
            for left, right in self.rows
        ]
        drawn = table("A line beside the one that does the same", self.files, rows)
        styled = element("div", drawn, class_="cfs-source cfs-lines")
        return page(element("style", Markup(_SHEET)), styled)


def show(*what: Function | Excerpt) -> Source:
    """Return functions as they are written; with `part`, some of their lines."""
    return Source(*map(whole, what))


def beside(
    yours: Function | Excerpt, ours: Function | Excerpt, same: Mapping[str, str]
) -> Beside:
    """Return two functions side by side, or a `part` of one.

    `same` says what does the same: a piece of a line of one, and a piece of a line of
    the other.  The order is that of `ours`.
    """
    return Beside(whole(yours), whole(ours), same)


def part(function: Function, first: str, last: str) -> Excerpt:
    """Return the line with `def`, and those from `first` to `last`: pieces of lines."""
    every = whole(function)
    head, *lines = every.text.splitlines()
    start = _find(lines, first)
    end = start + _find(lines[start:], last) + 1
    before, after = ["    ..."] * (start > 0), ["    ..."] * (end < len(lines))
    return Excerpt(every.file, "\n".join([head, *before, *lines[start:end], *after]))


def _find(lines: Sequence[str], piece: str) -> int:
    for number, line in enumerate(lines):
        if piece in line:
            return number
    raise ValueError(f"there is no line with {piece!r}")


def whole(what: Function | Excerpt) -> Excerpt:
    """Return all of a function, and the name of the file that it is in."""
    if isinstance(what, Excerpt):
        return what
    path = Path(inspect.getsourcefile(what) or "")
    ours = path.is_relative_to(HERE / "cfslib")
    file = str(path.relative_to(HERE)) if ours else "this notebook"
    return Excerpt(file, inspect.getsource(what).rstrip())


def aligned(yours: str, ours: str, same: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the lines of `ours`, each with the one of `yours` that does the same."""
    lines = [line for line in yours.splitlines() if line.strip()]
    rows = []
    for line in ours.splitlines():
        words = [word for word, other in same.items() if other in line]
        left = [one for one in lines for word in words if word in one]
        rows.append((_bare(left[0]) if left else "", line))
    return rows


def _bare(line: str) -> str:
    """Return a line without its comment, which has been read already."""
    return line.partition("  #")[0].strip()


def _figure(one: Excerpt) -> Markup:
    name = element("figcaption", element("code", one.file))
    return element("figure", name, listing(one.text, one.file), class_="cfs-source")


def block(text: str, label: str) -> Markup:
    """Return some code as a part of another drawing."""
    sheet = element("style", Markup(_SHEET))
    return element("div", sheet, listing(text, label), class_="cfs-source")


def listing(text: str, label: str) -> Markup:
    """Return code that the keyboard can move where its lines are too long."""
    return element("pre", coloured(text), tabindex=0, role="region", aria_label=label)


def _line(text: str, matched: bool) -> Markup:
    # No `code`: JupyterLab gives it a ground on which its colours are hard to read.
    names = "cfs-line cfs-matched" if matched else "cfs-line"
    return element("div", coloured(text), class_=names)


def coloured(text: str) -> Markup:
    """Return Python in which each word has the class of what it is.

    >>> coloured("f()")
    '<span class="n">f</span><span class="p">()</span>'
    """
    formatter = HtmlFormatter(nowrap=True)
    drawn = pygments.highlight(
        text, PythonLexer(stripnl=False, ensurenl=False), formatter
    )
    return Markup(drawn.rstrip("\n"))
