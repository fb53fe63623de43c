"""leak_steps: a mount that reaches another namespace, or does not, step by step."""

from collections.abc import Mapping, Sequence

from cfslib.kernel.procfs import Mount
from cfslib.observe.leak import Both
from cfslib.views import mount_picture, steps
from cfslib.views.mount_picture import Table
from cfslib.views.mount_rows import Row
from cfslib.views.page import Markup
from cfslib.views.steps import Step
from cfslib.views.widget import View


def view(stories: Mapping[str, Sequence[Both]]) -> View:
    """Return a story for each propagation that the container's copy may have."""
    told = {name: _steps(story) for name, story in stories.items()}
    return steps.view("The mount that leaks", told, "The container's copy is")


def _steps(story: Sequence[Both]) -> list[Step]:
    before = [None, *story]
    return [
        Step(steps.titled(now.call), now.story, picture(earlier, now))
        for earlier, now in zip(before, story, strict=False)
    ]


def picture(before: Both | None, now: Both) -> Markup:
    """Return both tables, what is new in them marked, and the wires between them."""
    host = _rows(before.host if before else (), now.host)
    container = _rows(before.container if before else (), now.container)
    right = Table(
        "MNT of the container", container, "" if container else "is not there yet"
    )
    return mount_picture.draw(Table("MNT of the host", host), right)


def _rows(before: Sequence[Mount], now: Sequence[Mount]) -> list[Row]:
    known = {mount.target for mount in before}
    top = now[0].target if now else ""
    return [
        Row(
            int(mount.target != top),
            mount,
            "new" if before and mount.target not in known else "",
        )
        for mount in now
    ]
