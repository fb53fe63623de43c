"""wires: an experiment with a network, and a line below it where it was recorded."""

import ipywidgets

from cfslib.lessons import wirebench
from cfslib.lessons.wirebench import Experiment, Outcome
from cfslib.views.page import Markup, element, join, page, prose
from cfslib.views.widget import View


def try_out(experiment: Experiment) -> View:
    """Make an experiment, print what it prints, and show where that was."""
    outcome = wirebench.attempt(experiment)
    print(outcome.text, end="")
    return View("Where this was made", ipywidgets.HTML(to_html(outcome)))


def to_html(outcome: Outcome) -> Markup:
    """Return the line below: quiet if it was here and now, else with the reason."""
    if not outcome.why_recorded:
        words = "Here and now, in a network namespace of its own."
        return page(element("p", words, class_="cfs-faint"))
    said = element("b", "Recorded on another machine. ")
    why = join(f"Not here: {outcome.why_recorded}.  ", *map(prose, outcome.hints))
    return page(element("p", said, why, class_="cfs-note", role="note"))
