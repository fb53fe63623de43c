"""mount_tree: the mounts of the host and of a container, step by step.

What was there before and stays as it is would bury what is new, so the mounts that come
from the host are folded away, all but its root.
"""

from collections.abc import Sequence

from cfslib.observe.stages import Stage
from cfslib.views import mount_picture, steps
from cfslib.views.mount_picture import Table
from cfslib.views.mount_rows import Row, from_the_host, rows
from cfslib.views.page import Markup, element, join, shortened, table
from cfslib.views.steps import Step
from cfslib.views.widget import View

_HEAD = ("where", "filesystem", "propagation", "options", "in this step")
WIDTH = 470  # pixels, for the longest row: a device that has moved
NOT_YET = Table("MNT of the container", [], "is not there yet", WIDTH)


def slider(stages: Sequence[Stage]) -> View:
    """Return the trees with a slider over the steps, at the first of them."""
    told = [
        Step(stage.step, stage.story, drawn(stages, number))
        for number, stage in enumerate(stages)
    ]
    return steps.view("The mount tree", {"": told})


def drawn(stages: Sequence[Stage], number: int) -> Markup:
    """Return the host's table and the container's after one step, and both in words."""
    now, first = stages[number], stages[0]
    before = stages[number - 1] if number else None
    hosts = from_the_host(stages, number)
    every = rows(before, now)
    folded = [row for row in every if row.mount.id in hosts and row.change != "new"]
    shown = [row for row in every if row not in folded]
    root = [Row(0, mount) for mount in first.mounts if mount.target == "/"]
    left = Table(
        "MNT of the host", root, f"and {len(first.mounts) - len(root)} more", 180
    )
    inside = Table("MNT of the container", shown, _others(folded), WIDTH)
    return join(
        mount_picture.draw(left, inside if number else NOT_YET),
        element(
            "details",
            element("summary", "As a table"),
            table("What PID 1 has in its mount table", _HEAD, map(_cells, shown)),
        ),
        _folded(folded),
    )


def _others(folded: Sequence[Row]) -> str:
    left = sum(row.change != "gone" for row in folded)
    return f"and {left} of the host's" if left else ""


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
    options = element(
        "div",
        mount.options.replace(",", ", "),
        class_="cfs-faint",
        style="min-width: 12em",  # or each stands on a line of its own
    )
    return [indent, kind, mount.propagation, options, _mark(row.change)]


def _mark(change: str) -> object:
    sign = {"": "", "new": "+ ", "gone": "✗ "}.get(change, "→ ")
    return element("mark", sign, change) if change else ""
