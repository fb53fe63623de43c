"""profile_trial: the calls that a program makes, each to be refused by a click.

After each click the program runs again, under the filter for what is still allowed.
"""

from collections.abc import Callable, Collection, Sequence

import ipywidgets

from cfslib.observe.filtered import Observed, Run
from cfslib.views.page import Markup, element, output, page, prose
from cfslib.views.widget import View, button, checkbox, labelled, row

Observe = Callable[[Sequence[str]], Observed]
Try = Callable[[Sequence[str], Collection[str]], Run]
Least = Callable[[Sequence[str], Collection[str]], list[str]]

FIRST = "execve"  # without it there is no program


def view(
    programs: Sequence[Sequence[str]], observe: Observe, run: Try, smallest: Least
) -> View:
    """Return a box for each call of a program; at first, all are allowed."""
    which = labelled(
        ipywidgets.Dropdown(
            options=[(" ".join(argv), tuple(argv)) for argv in programs],
            description="Program",
        )
    )
    boxes = row()
    result = ipywidgets.HTML()
    seen: list[Observed] = []

    def look() -> None:
        seen[:] = [observe(which.value)]
        boxes.children = [_box(n, many, again) for n, many in seen[0].calls.items()]
        draw()

    def allowed() -> list[str]:
        names = zip(seen[0].calls, boxes.children, strict=True)
        return [name for name, box in names if box.value]

    def draw() -> None:
        names = allowed()
        result.value = to_html(seen[0], names, run(which.value, names))

    def again(_: object) -> None:
        if not quiet:
            shown.attempt(draw)

    def tick(names: Collection[str]) -> None:
        quiet.append(True)
        for name, box in zip(seen[0].calls, boxes.children, strict=True):
            box.value = name in names
        quiet.clear()
        draw()

    quiet: list[bool] = []  # while many boxes change at once
    least = button(
        "Only what it needs",
        lambda: shown.in_background(lambda: tick(smallest(which.value, seen[0].calls))),
        tip="Refuse one call after the other, and keep what makes a difference",
    )
    every = button("All", lambda: shown.attempt(lambda: tick(seen[0].calls)))
    which.observe(lambda _: shown.attempt(look), "value")
    shown: View = View("The smallest profile", row(which, least, every), boxes, result)
    shown.attempt(look)
    return shown


def _box(name: str, many: int, changed: Callable[[object], None]) -> ipywidgets.Widget:
    made = checkbox(f"{name} ({many})" if many > 1 else name, True)
    made.disabled = name == FIRST
    made.layout.width = "11.5em"
    made.layout.margin = "0"
    made.observe(changed, "value")
    return made


def to_html(seen: Observed, allowed: Collection[str], run: Run) -> Markup:
    """Return what came of a run, and whether anybody would notice a difference."""
    same = run == seen.run
    count = f"{len(allowed)} of {len(seen.calls)} calls are allowed. "
    verdict = "It does what it did before." if same else f"It does not: {how(run)}."
    sign = "✓ " if same else "✗ "
    return page(
        element(
            "p",
            element("b", sign, count),
            prose(verdict),
            role="status",
            class_=f"cfs-note cfs-{'good' if same else 'bad'}",
        ),
        output(run.printed or "(nothing)", "What the program printed"),
    )


def how(run: Run) -> str:
    """Say how a program ended."""
    if run.timed_out:
        return "it waited in vain, and was ended"
    if run.code < 0:
        return f"signal {-run.code} ended it"
    return f"its exit code is {run.code}" if run.code else "it prints something else"
