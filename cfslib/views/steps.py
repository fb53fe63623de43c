"""steps: a story step by step: for each step a title, a sentence and a picture.

The buttons do what the slider does: ipywidgets gives its handle no name, so that there
are people who could not use it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ipywidgets

from cfslib.views.page import Markup, element, page, prose, wide
from cfslib.views.widget import View, button, labelled, row


@dataclass(frozen=True)
class Step:
    """One step of a story."""

    title: str  # mostly the call, as it was made
    caption: str  # one sentence or two; `code` between backquotes
    picture: Markup


def view(name: str, stories: Mapping[str, Sequence[Step]], choice: str = "") -> View:
    """Return the stories, at the first step of the first of them.

    Where there is more than one, `choice` says what the learner chooses among.  The
    number of the step stays: the same step of two stories is what one compares.
    """
    names = list(stories)
    which = labelled(ipywidgets.Dropdown(options=names, description=choice))
    number = labelled(ipywidgets.IntSlider(description="Step", min=0))
    number.layout.width = "min(22rem, 100%)"
    picture = ipywidgets.HTML()

    def draw(*_: object) -> None:
        steps = stories[which.value]
        number.max = len(steps) - 1
        picture.value = to_html(steps, number.value)

    def move(by: int) -> None:
        number.value = min(max(number.value + by, 0), number.max)

    back = button("Back", lambda: move(-1), tip="To the step before")
    on = button("Next", lambda: move(1), tip="To the next step")
    for control in (which, number):
        control.observe(lambda _: shown.attempt(draw), "value")
    controls = [which] * (len(names) > 1) + [back, on, number]
    shown: View = View(name, row(*controls), picture)
    shown.attempt(draw)
    return shown


def titled(call: str) -> str:
    """Return a call as the title of a step; what is no call stays as it is."""
    return f"`{call}`" if "(" in call else call


def to_html(steps: Sequence[Step], number: int) -> Markup:
    """Return one step: what is done, what that means, and what it looks like then."""
    step = steps[number]
    title = element("b", f"Step {number} of {len(steps) - 1}: ", prose(step.title))
    said = element("p", title, ". ", prose(step.caption), role="status")
    return page(said, wide(step.picture))
