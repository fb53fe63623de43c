"""rootfs_tree: what is in a rootfs, what a program needs, and what is missing."""

from collections.abc import Callable, Sequence

import ipywidgets

from cfslib.images.inventory import Directory, Lack, Look
from cfslib.images.needs import Need
from cfslib.views.page import Markup, element, join, number, page, svg, table
from cfslib.views.widget import View, button, labelled, row

_WIDTH = 120  # of the longest bar


def to_html(look: Look) -> Markup:
    """Return a program's tree of needs beside what is in the rootfs."""
    missing = look.need.missing()
    verdict = (
        f"✗ {len(missing)} {'file is' if len(missing) == 1 else 'files are'} missing, "
        f"so {look.need.name} cannot run here."
        if missing
        else f"✓ Nothing is missing: {look.need.name} can run here."
    )
    worth = "cfs-bad" if missing else "cfs-good"
    tree = element("ul", _branch(look.need), style="list-style: none; padding-left: 0")
    return page(
        element("p", verdict, class_=f"cfs-note {worth}", role="status"),
        element(
            "div",
            element("div", element("h4", "What it needs"), tree),
            element("div", directories(look.directories), lacks(look.lacks)),
            class_="cfs-beside",
        ),
    )


def _branch(need: Need) -> Markup:
    sign, state = ("✓ ", "is there") if need.there else ("✗ ", "is missing")
    mark = element("span", sign, role="img", aria_label=state)
    name = element("code", need.name)
    place = ""
    if need.place and not need.there and "/" not in need.name:
        place = f" belongs in {need.place.parent}"
    text = join(
        join(mark, name) if need.there else element("mark", mark, name),
        element("span", place, class_="cfs-faint"),
    )
    below = element(
        "ul",
        *map(_branch, need.needs),
        style="list-style: none; padding-left: 1.4em; margin: 0;"
        " border-left: 1px solid var(--cfs-line)",
    )
    return element("li", text, below if need.needs else "")


def directories(found: Sequence[Directory]) -> Markup:
    """Return what is at the top of the rootfs, with a bar for the size of each."""
    most = max((directory.size for directory in found), default=0) or 1
    filled = table(
        "What is in it",
        ("at the top", "files", "size", ""),
        (
            (
                element("code", f"/{one.name}"),
                number(one.files),
                number(size(one.size)),
                _bar(one.size / most),
            )
            for one in found
            if one.files
        ),
    )
    links = [f"/{one.name} leads to {one.link}" for one in found if one.link]
    empty = [f"/{one.name}" for one in found if not (one.link or one.files)]
    return join(
        filled,
        element("p", "Links: ", ", ".join(links), ".") if links else "",
        element("p", "Empty: ", ", ".join(empty), ".") if empty else "",
    )


def lacks(missing: Sequence[Lack]) -> Markup:
    """Return what programs will look for in vain."""
    if not missing:
        return element("p", "✓ What most programs expect is there.")
    return table(
        "What other programs would miss",
        ("not there", "as", "missed by"),
        ((element("code", one.path), one.name, one.missed_by) for one in missing),
    )


def size(count: int) -> str:
    """Write a number of bytes as people say it.

    >>> size(0), size(999), size(1500), size(2_500_000)
    ('0 bytes', '999 bytes', '1.5 kB', '2.5 MB')
    """
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _bar(share: float) -> Markup:
    if not share:
        return join()
    bar = element(
        "rect", width=max(1, round(share * _WIDTH)), height=10, class_="cfs-colour-1"
    )
    return svg(_WIDTH, 10, f"{share:.0%} of the largest", bar)


def explorer(look: Callable[[str], Look], program: str) -> View:
    """Return the picture with a box for another program; Enter looks it up."""
    box = labelled(
        ipywidgets.Text(program, description="Program", continuous_update=False)
    )
    picture = ipywidgets.HTML()
    view = View("The rootfs", row(box, button("Look", lambda: show())), picture)

    def show() -> None:
        def drawn() -> None:
            picture.value = to_html(look(box.value))

        view.attempt(drawn)

    box.observe(lambda _: show(), "value")
    show()
    return view
