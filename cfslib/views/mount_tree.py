"""mount_tree: the mounts of a container, step by step, with a slider over the steps.

What was there before and stays as it is would bury what is new, so the mounts that come
from the host are folded away, all but its root.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ipywidgets

from cfslib.procfs import Mount
from cfslib.stages import CLONE, Stage
from cfslib.views.page import Markup, element, join, page, table
from cfslib.views.widget import View, button, row

_HEAD = ("where", "filesystem", "propagation", "options", "in this step")
# A colour for each: who else hears of a mount made below.
_COLOURS = {"private": 2, "shared": 5, "slave": 0, "unbindable": 6}
_SHORT = 30  # characters of a place that fit into its column


@dataclass(frozen=True)
class Row:
    """One mount in the tree, and what the step did to it."""

    depth: int
    mount: Mount
    change: str = ""  # "new", "gone", "now private", "moved", "read-only"


def rows(before: Stage | None, now: Stage) -> list[Row]:
    """Return the tree after a step, parents first, with what the step changed."""
    old = {mount.id: mount for mount in before.mounts} if before else {}
    if before is None or now.step == CLONE:  # a copy has numbers of its own
        return [Row(depth, mount) for depth, mount in _tree(now.mounts)]
    tree = [
        Row(depth, mount, _change(old.get(mount.id), mount))
        for depth, mount in _tree(now.mounts)
    ]
    here = {mount.id for mount in now.mounts}
    gone = [(depth, mount) for depth, mount in _tree(before.mounts)]
    return tree + [Row(d, mount, "gone") for d, mount in gone if mount.id not in here]


def from_the_host(stages: Sequence[Stage], number: int) -> set[int]:
    """Return the ids of the host's mounts that were there before a step, but its root.

    The kernel gives the number of a mount that is gone to a new one, so what is gone
    once does not come back.
    """
    first = stages[
        min(number, 1)
    ].mounts  # a namespace of one's own, numbers of its own
    left = {mount.id for mount in first if mount.target != "/"}
    for stage in stages[1:number]:
        left &= {mount.id for mount in stage.mounts}
    return left


def _tree(mounts: Sequence[Mount]) -> Iterator[tuple[int, Mount]]:
    ids = {mount.id for mount in mounts}
    ahead = [(0, mount) for mount in mounts if mount.parent not in ids]
    while ahead:
        depth, mount = ahead.pop(0)
        yield depth, mount
        below = [(depth + 1, m) for m in mounts if m.parent == mount.id != m.id]
        ahead = below + ahead


def _change(old: Mount | None, new: Mount) -> str:
    if old is None or (old.fstype, old.source) != (new.fstype, new.source):
        return "new"
    if old.propagation != new.propagation:
        return f"was {old.propagation}"
    if old.target != new.target:
        return f"was at {_shortened(old.target)}"
    if old.options != new.options:
        return f"was {old.options.split(',')[0]}"
    # Its place may read the same though it hangs elsewhere, as the old root does.
    return "now on top of the new root" if old.parent != new.parent else ""


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
        table(f"Mounts, {title}", _HEAD, map(_cells, shown)),
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
    where = element("code", _shortened(mount.target), title=mount.target, style=whole)
    if row.change == "gone":
        where = element("s", where)
    indent = element(
        "span",
        where,
        style=f"padding-left: {row.depth * 1.4:.1f}em; font-weight: normal",
    )
    kind = mount.fstype if mount.root == "/" else f"{mount.fstype}, {mount.root} of it"
    colour = _COLOURS[mount.propagation]
    word = element("span", mount.propagation, class_=f"cfs-badge cfs-colour-{colour}")
    options = element("span", mount.options.replace(",", ", "), class_="cfs-faint")
    return [indent, kind, word, options, _mark(row.change)]


def _mark(change: str) -> object:
    sign = {"": "", "new": "+ ", "gone": "✗ "}.get(change, "→ ")
    return element("mark", sign, change) if change else ""


def _shortened(place: str) -> str:
    return place if len(place) <= _SHORT else "…" + place[1 - _SHORT :]


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
    steps.style.description_width = "auto"
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
