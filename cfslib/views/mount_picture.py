"""mount_picture: two mount tables side by side, each a tree, and the wires between.

A wire is what propagation is: it joins a mount to its copy in the other table.  The
kernel gives mounts that are joined the same number: there a wire is drawn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cfslib.kernel.procfs import Mount
from cfslib.views.mount_rows import Row
from cfslib.views.page import Markup, element, join, shortened, svg
from cfslib.views.style import NAMESPACES

LINE, INDENT, HEAD = 28, 18, 40  # pixels
GAP = 160  # between the two, for the wires
WORDS = {
    "shared": "shared: both ways",
    "slave": "slave: this way only",
    "private": "private: no wire",
}


@dataclass(frozen=True)
class Table:
    """One mount namespace, as it is drawn."""

    title: str
    rows: Sequence[Row]
    more: str = ""  # what is not drawn, in words
    width: int = 260

    def said(self) -> str:
        """Return it in words."""
        every = [
            f"{row.mount.target} ({row.change or 'as before'})" for row in self.rows
        ]
        return f"{self.title}: {', '.join(every)} {self.more}."


def draw(left: Table, right: Table) -> Markup:
    """Return both tables, and a wire for each pair of mounts that are joined."""
    lines = max(len(table.rows) + bool(table.more) for table in (left, right))
    height, start = HEAD + LINE * lines + 10, left.width + GAP
    wires = list(_wires(left.rows, right.rows))
    said = [f"{left.rows[a].mount.target} is {word} there." for a, _, word in wires]
    return svg(
        start + right.width,
        height,
        " ".join([left.said(), right.said(), *said]),
        _table(left, 0, height),
        _table(right, start, height),
        *(_wire(left.width, *wires[n], first=not n) for n in range(len(wires))),
    )


def joined(here: Mount, there: Mount) -> str:
    """Say how what is mounted below one comes to the other; "" if they are no copies.

    `slave` is one way: from here to there.
    """
    if _groups(here, "shared") & _groups(there, "shared"):
        return "shared"
    if _groups(here, "shared") & _groups(there, "master"):
        return "slave"
    alike = (here.target, here.fstype, here.source, here.root)
    copies = alike == (there.target, there.fstype, there.source, there.root)
    return "private" if copies else ""


def _groups(mount: Mount, kind: str) -> set[str]:
    """Return the numbers of those that it hears, or is heard by."""
    found = (tag.partition(":") for tag in mount.tags)
    return {number for word, _, number in found if word == kind}


def _wires(left: Sequence[Row], right: Sequence[Row]) -> Iterator[tuple[int, int, str]]:
    for a, here in enumerate(left):
        for b, there in enumerate(right):
            word = joined(here.mount, there.mount)
            if word and "gone" not in (here.change, there.change):
                yield a, b, word


def _table(table: Table, x: int, height: int) -> Markup:
    frame = element(
        "rect", x=x + 1, y=1, width=table.width - 2, height=height - 2, rx=6,
        class_="cfs-stroke", style="fill: var(--cfs-raised)",
    )  # fmt: skip
    edge = f"M{x + 1} 26 v-19 a6 6 0 0 1 6 -6 h{table.width - 14} a6 6 0 0 1 6 6 v19 z"
    head = element("path", d=edge, fill=NAMESPACES["MNT"])
    title = element("text", table.title, x=x + 12, y=18, class_="cfs-on cfs-bold")
    more = element(
        "text", table.more, x=x + 14, y=_y(len(table.rows)) + 4, class_="cfs-in"
    )
    rows = [_row(table.rows, n, x + 22) for n in range(len(table.rows))]
    return element("g", frame, head, title, *rows, more if table.more else "")


def _row(rows: Sequence[Row], number: int, x: int) -> Markup:
    row, y = rows[number], _y(number)
    at = x + INDENT * row.depth
    gone, changed = row.change == "gone", bool(row.change)
    sign = {"": "", "new": "+ new", "gone": "✗ gone"}.get(row.change, f"→ {row.change}")
    name = element(
        "text", shortened(row.mount.target), element("title", row.mount.target),
        x=at + 12, y=y + 4, class_="cfs-in cfs-code" + " cfs-bold" * changed,
        text_decoration="line-through" if gone else None,
    )  # fmt: skip
    after = at + 24 + 8 * len(shortened(row.mount.target))
    kind = element(
        "text", element("tspan", row.mount.fstype, font_style="italic"),
        element("tspan", f"  {sign}", class_="cfs-bold"), x=after, y=y + 4,
        class_="cfs-in", xml_space="preserve",
    )  # fmt: skip
    return join(_branch(rows, number, x), _knot(at, y, row.change), name, kind)


def _branch(rows: Sequence[Row], number: int, x: int) -> Markup:
    """Return the line from a mount up to the one that it is mounted on."""
    depth = rows[number].depth
    above = [n for n in range(number) if rows[n].depth < depth]
    if not above:
        return join()
    at = x + INDENT * (depth - 1)
    way = f"M{at} {_y(above[-1]) + 5} V{_y(number)} h{INDENT - 5}"
    return element("path", d=way, class_="cfs-stroke")


def _knot(x: int, y: int, change: str) -> Markup:
    colour = {"": "var(--cfs-ground)", "gone": "none"}.get(change, NAMESPACES["MNT"])
    return element(
        "circle", cx=x, cy=y, r=5, class_="cfs-knot", style=f"fill: {colour}"
    )


def _wire(x: int, a: int, b: int, word: str, *, first: bool) -> Markup:
    """Return the wire from row `a` on the left to row `b` on the right.

    The first has a label; those of the mounts below it are of the same sort.
    """
    start, end, y, z = x + 4, x + GAP - 4, _y(a), _y(b)
    line = element(
        "line", x1=start, y1=y, x2=end, y2=z, class_="cfs-wire",
        stroke_dasharray="3 6" if word == "private" else None,
        opacity=0.5 if word == "private" else None,
    )  # fmt: skip
    ends = [(end, z, -1)] * (word != "private") + [(start, y, 1)] * (word == "shared")
    heads = [
        element("path", d=f"M{at} {h} l{9 * way} -5 v10 z", class_="cfs-wire-end")
        for at, h, way in ends
    ]
    label = element(
        "text", WORDS[word], x=(start + end) // 2, y=(y + z) // 2 - 11,
        text_anchor="middle",
    )  # fmt: skip
    return element("g", line, *heads, label if first else "")


def _y(number: int) -> int:
    return HEAD + LINE * number + 8
