"""limit_gauge: press a container against a limit, and see the line bend.

Two loads, a slider for the limit of each, and a line that grows while the load runs.
Where a limit cannot be set, it says why and shows what was recorded on another machine.
"""

from collections.abc import Callable, Sequence

import ipywidgets

from cfslib.children.answers import hints_of
from cfslib.observe.pressure import Load, Run, Sample
from cfslib.views.limit_chart import MIB, amount, chart
from cfslib.views.page import Markup, element, join, output, page, prose
from cfslib.views.widget import View, aligned, button, row

Press = Callable[[Load, int, Callable[[Sample], None]], Run]

_EACH = 2  # draw the line anew after so many samples: the browser has to keep up


def to_html(load: Load, run: Run) -> Markup:
    """Return the whole story of a run: the line, and what the kernel did about it."""
    return page(
        _recorded(run),
        chart(load, run.limit, run.samples),
        element("p", element("b", "What the kernel did. "), verdict(load, run)),
        element(
            "details",
            element("summary", "What was printed, and what the kernel counted"),
            output(run.stdout + run.stderr, "What the load printed"),
            element("p", element("code", _events(run))),
        ),
    )


def verdict(load: Load, run: Run) -> str:
    """Say what came of it."""
    peak = amount(load, run.peak)
    if run.events.get("oom_kill"):
        return (
            f"At {peak} it looked for memory to take back, found none, and killed the "
            "process that held most.  The exit code 137 is 128 + 9, SIGKILL."
        )
    if run.events.get("max") or "fork" in run.stderr:
        return (
            f"At {peak} it answered the next fork with EAGAIN, and the shell gave up.  "
            f"Enforced by {run.enforcer}; nobody was killed."
        )
    return f"Nothing: {load.name} came to {peak} and had all that it wanted."


def _recorded(run: Run) -> Markup:
    if not run.recorded:
        return join()
    words = element("b", "Recorded on another machine. ")
    return element("p", words, prose(run.recorded), class_="cfs-note", role="note")


def _events(run: Run) -> str:
    counted = ", ".join(f"{name} {number}" for name, number in run.events.items())
    return f"{run.enforcer}: {counted or 'it counts no refusals'}"


def gauge(loads: Sequence[Load], press: Press, recorded: Callable[[Load], Run]) -> View:
    """Return a slider and a button for each load, and the line below.

    `press` raises an `OSError` where the limit cannot be set; then `recorded` is shown.
    """
    picture = ipywidgets.HTML(
        page(element("p", "Choose a limit, then press a button."))
    )
    view = View("The limit gauge")

    def run(load: Load, limit: int) -> None:
        samples: list[Sample] = []

        def seen(sample: Sample) -> None:
            samples.append(sample)
            if len(samples) % _EACH == 1:  # the first one at once
                picture.value = page(chart(load, limit, samples))

        picture.value = page(chart(load, limit, samples))
        picture.value = to_html(load, _pressed(press, recorded, load, limit, seen))

    rows = [_controls(load, view, run) for load in loads]
    view.box.children = (*rows, picture, view.status)
    return view


def _pressed(
    press: Press,
    recorded: Callable[[Load], Run],
    load: Load,
    limit: int,
    seen: Callable[[Sample], None],
) -> Run:
    try:
        return press(load, limit, seen)
    except OSError as error:
        found = recorded(load)
        why = " ".join([f"Not here: {error}.", *hints_of(error)])
        return Run(**(vars(found) | {"recorded": why}))


def _controls(load: Load, view: View, run: Callable[[Load, int], None]) -> object:
    of_pids = load.setting == "pids.max"
    span = {"min": 5, "max": 60} if of_pids else {"min": 16, "max": 256, "step": 8}
    slider = ipywidgets.IntSlider(20 if of_pids else 64, readout=False, **span)
    slider.layout.width = "min(20rem, 100%)"
    # The same as a number, for ipywidgets gives the handle of a slider no name.
    number = ipywidgets.BoundedIntText(
        slider.value,
        description=load.setting if of_pids else f"{load.setting}, MiB",
        **span,
    )
    aligned(number)
    ipywidgets.link((slider, "value"), (number, "value"))

    def pressed() -> None:
        limit = slider.value * (1 if of_pids else MIB)
        view.in_background(lambda: run(load, limit))

    return row(number, slider, button(f"Start the {load.name}", pressed))
