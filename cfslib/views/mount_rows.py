"""mount_rows: the mounts after a step, as rows of a tree, and what the step changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cfslib.kernel.procfs import Mount
from cfslib.observe.stages import CLONE, Stage
from cfslib.views.page import shortened


@dataclass(frozen=True)
class Row:
    """One mount in the tree, and what the step did to it."""

    depth: int
    mount: Mount
    change: str = ""  # "new", "gone", "was shared", "was at /old", ...


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
    first = stages[min(number, 1)].mounts  # a copy has numbers of its own
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
        return f"was at {shortened(old.target)}"
    if old.options != new.options:
        return f"was {old.options.split(',')[0]}"
    # Its place may read the same though it hangs elsewhere, as the old root does.
    return "now on top of the new root" if old.parent != new.parent else ""
