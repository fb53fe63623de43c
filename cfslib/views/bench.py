"""bench: an experiment with groups, and a line below it: made here, or recorded."""

import ipywidgets

from cfslib.lessons import workbench
from cfslib.lessons.workbench import Experiment, Outcome
from cfslib.views.page import Markup, element, join, page, prose
from cfslib.views.widget import View


def try_out(experiment: Experiment, version: int = 0) -> View:
    """Make an experiment, print what it prints, and show where that was."""
    outcome = workbench.attempt(experiment, version)
    print(outcome.text, end="")
    return View("Where this was made", ipywidgets.HTML(to_html(outcome)))


def to_html(outcome: Outcome) -> Markup:
    """Return the line below: quiet if it was here and now, else with the reason."""
    if not outcome.why_recorded:
        return page(element("p", f"Here and now, by {outcome.by}.", class_="cfs-faint"))
    said = element("b", f"Recorded on another machine, by {outcome.by}. ")
    why = join(f"Not here: {outcome.why_recorded}.  ", *map(prose, outcome.hints))
    return page(element("p", said, why, class_="cfs-note", role="note"))
