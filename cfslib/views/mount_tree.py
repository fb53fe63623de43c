"""mount_tree: the mounts of a container, step by step, with a slider over the steps.

What was there before and stays as it is would bury what is new, so the mounts that come
from the host are folded away, all but its root.
"""

from collections.abc import Sequence

import ipywidgets

from cfslib.observe.stages import Stage
from cfslib.views.mount_rows import Row, from_the_host, rows
from cfslib.views.page import Markup, element, join, page, shortened, table
from cfslib.views.widget import View, button, labelled, row

_HEAD = ("where", "filesystem", "propagation", "options", "in this step")
# A colour for each: who else hears of a mount made below.
_COLOURS = {"private": 2, "shared": 5, "slave": 0, "unbindable": 6}


def to_html(stages: Sequence[Stage], number: int) -> Markup:
    """Return the tree after one step, and what the step is for."""
    now = stages[number]
    before = stages[number - 1] if number else None
    hosts = from_the_host(stages, number)
    every = rows(before, now)
    folded = [row for row in every if row.mount.id in hosts and row.change != "new"]
    shown = [row for row in every if row not in folded]
    title = f"Step {number} of {len(stages) - 1}: {now.step}"
    return page(
        element("p", element("b", title, ". "), now.story, role="status"),
        table("What PID 1 has in its mount table", _HEAD, map(_cells, shown)),
        _folded(folded),
    )


def _folded(folded: Sequence[Row]) -> Markup:
    if not folded:
        return join()
    gone = [row for row in folded if row.change == "gone"]
    changed = [row for row in folded if row.change and row not in gone]
    words = f"{len(folded)} other mounts of the host"
    words += f", {len(changed)} of them changed" if changed else ""
    words += ", all gone" if len(gone) == len(folded) else ""
    return element(
        "details",
        element("summary", words),
        table("Other mounts of the host", _HEAD, map(_cells, folded)),
    )


def _cells(row: Row) -> list[object]:
    mount = row.mount
    # JupyterLab lets code break, and a tree with broken lines is none.
    whole = "white-space: nowrap"
    where = element("code", shortened(mount.target), title=mount.target, style=whole)
    if row.change == "gone":
        where = element("s", where)
    indent = element(
        "span",
        where,
        style=f"padding-left: {row.depth * 1.4:.1f}em; font-weight: normal",
    )
    kind = mount.fstype if mount.root == "/" else f"{mount.root} of {mount.fstype}"
    colour = _COLOURS[mount.propagation]
    word = element("span", mount.propagation, class_=f"cfs-badge cfs-colour-{colour}")
    options = element(
        "div",
        mount.options.replace(",", ", "),
        class_="cfs-faint",
        style="min-width: 12em",  # or each stands on a line of its own
    )
    return [indent, kind, word, options, _mark(row.change)]


def _mark(change: str) -> object:
    sign = {"": "", "new": "+ ", "gone": "✗ "}.get(change, "→ ")
    return element("mark", sign, change) if change else ""


def slider(stages: Sequence[Stage]) -> View:
    """Return the tree with a slider over the steps; arrow keys move it.

    It starts at the end, for at step 0 there is nothing of a container to be seen.
    The buttons are for those to whom the slider cannot be read: ipywidgets gives its
    handle no name.
    """
    last = len(stages) - 1
    picture = ipywidgets.HTML(to_html(stages, last))
    steps = ipywidgets.SelectionSlider(
        options=[(stage.step, number) for number, stage in enumerate(stages)],
        value=last,
        description="After step",
        continuous_update=True,
    )
    labelled(steps)
    steps.layout.width = "min(36rem, 100%)"

    def move(by: int) -> None:
        steps.value = min(max(steps.value + by, 0), last)

    back = button("Back", lambda: move(-1), tip="To the step before")
    on = button("Next", lambda: move(1), tip="To the next step")
    view = View("The mount tree", row(steps, back, on), picture)

    def draw(change: dict[str, int]) -> None:
        def drawn() -> None:
            picture.value = to_html(stages, change["new"])

        view.attempt(drawn)

    steps.observe(draw, "value")
    return view
