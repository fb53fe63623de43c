"""page: HTML and SVG in which text stays text.

What is a `Markup` is markup; every other string is text, and is escaped.  So nothing
that a process calls itself can become part of the page:

    >>> element("b", "<script>", title='"')
    '<b title="&quot;">&lt;script&gt;</b>'
    >>> element("p", element("b", "bold"), " & plain", class_="note")
    '<p class="note"><b>bold</b> &amp; plain</p>'
"""

import html
import re
from collections.abc import Iterable, Sequence

from cfslib.views.style import SHEET, namespace_class

Child = object  # a Markup, or anything whose str() is text
LONGEST = 30  # characters of a path that fit into a column of a table
VOID = {"br", "hr", "img"}  # elements of HTML that have no end
# What does not print, cannot be sent, or turns the text around it: controls other than
# tab and newline, halves of surrogate pairs (bytes of a name that is not UTF-8), and
# marks that change the direction of writing.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


class Markup(str):
    """A string that is HTML or SVG already."""

    __slots__ = ()


def escape(text: object) -> Markup:
    r"""Return text as markup that shows exactly that text.

    >>> escape("a < b\x1b")
    'a &lt; b\\x1b'
    """
    if isinstance(text, Markup):
        return text
    visible = UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(text))
    return Markup(html.escape(visible))


def join(*children: Child) -> Markup:
    """Return the children one after the other, text escaped."""
    return Markup("".join(map(escape, children)))


def element(tag: str, *children: Child, **attributes: object) -> Markup:
    """Return an element of HTML or SVG.

    An attribute is written `class_` where Python needs the word itself, and
    `aria_label` for `aria-label`.  True gives it no value; None and False leave it out.
    """
    given = "".join(
        f" {_spelled(name)}" + ("" if value is True else f'="{escape(str(value))}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{join(*children)}</{tag}>")


def _spelled(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def prose(text: str) -> Markup:
    """Return a text in which `code` between backquotes is marked up as such.

    >>> prose("say `ps -e`, not <ps>")
    'say <code>ps -e</code>, not &lt;ps&gt;'
    """
    parts = text.split("`")
    return join(*(element("code", p) if n % 2 else p for n, p in enumerate(parts)))


def page(*children: Child) -> Markup:
    """Return a drawing that is complete in itself: with the styles it needs."""
    return element("div", element("style", Markup(SHEET)), *children, class_="cfs")


def table(
    caption: Child, head: Sequence[Child], rows: Iterable[Sequence[Child]]
) -> Markup:
    """Return a table; the first cell of each row says what the row is about.

    Where there is no room for all of it, it can be moved, and the rest stays in sight.
    """
    made = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *(element("th", c, scope="col") for c in head))),
        element("tbody", *(_row(*row) for row in rows)),
    )
    return wide(made)


def wide(drawing: Child) -> Markup:
    """Return what may be wider than the page, so that the keyboard can move it."""
    return element("div", drawing, class_="cfs-wide", tabindex=0)


def _row(first: Child, *others: Child) -> Markup:
    return element(
        "tr", element("th", first, scope="row"), *(element("td", c) for c in others)
    )


def shortened(path: str) -> str:
    """Keep the end of a path: that of a rootfs is long, and the same in all rows.

    >>> shortened("/home/you/.cache/cfs/rootfs-1/etc/passwd")
    '…/cfs/rootfs-1/etc/passwd'
    """
    short = path
    while len(short) > LONGEST and "/" in short[1:]:
        short = short[short.index("/", 1) :]
    return short if short == path else f"…{short}"


def number(text: Child) -> Markup:
    """Return a number as a cell of a table: ones below ones."""
    return element("div", text, style="text-align: right")


def output(text: Child, label: str) -> Markup:
    """Return what a program printed, in a box that the keyboard can scroll."""
    return element(
        "pre", text, class_="cfs-output", tabindex=0, role="region", aria_label=label
    )


def kind_badge(kind: object, label: Child | None = None) -> Markup:
    """Return the name of a kind of namespace, in its colour."""
    shown = str(kind) if label is None else label
    return element("span", shown, class_=f"cfs-badge {namespace_class(kind)}")


def letter(number: int) -> str:
    """Return A for 0, Z for 25, then AA.

    >>> [letter(number) for number in (0, 25, 26, 702)]
    ['A', 'Z', 'AA', 'AAA']
    """
    higher, rest = divmod(number, 26)
    return (letter(higher - 1) if higher else "") + chr(ord("A") + rest)


def svg(width: int, height: int, title: str, *children: Child) -> Markup:
    """Return a drawing that a screen reader announces by its title.

    It shrinks with the page.  Say in the title what the picture says: it is all that
    somebody who does not see it gets.
    """
    return element(
        "svg",
        element("title", title),
        *children,
        role="img",
        aria_label=title,
        xmlns="http://www.w3.org/2000/svg",  # to be a file of its own, too
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
    )
