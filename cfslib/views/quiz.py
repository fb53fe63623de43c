"""quiz: a prediction: choose first, then see."""

import ipywidgets

from cfslib.lessons.predictions import Choice, Question
from cfslib.views.page import Markup, element, page, prose
from cfslib.views.widget import View


def ask(question: Question) -> View:
    """Return a question with its choices; what they are worth comes after choosing."""
    choices = ipywidgets.RadioButtons(
        options=[choice.text for choice in question.choices], value=None
    )
    choices.layout.width = "max-content"
    answer = ipywidgets.HTML()

    def choose(change: dict[str, object]) -> None:
        view.attempt(lambda: draw(choices.index))

    def draw(index: int | None) -> None:
        answer.value = "" if index is None else to_html(question, index)

    choices.observe(choose, "value")
    view = View("Prediction", ipywidgets.HTML(asked(question)), choices, answer)
    return view


def asked(question: Question) -> Markup:
    """Return the question itself."""
    return page(element("p", element("b", "Predict. "), prose(question.text)))


def to_html(question: Question, chosen: int) -> Markup:
    """Return what a choice is worth and why; the others, folded."""
    ours = question.choices[chosen]
    others = [choice for choice in question.choices if choice is not ours]
    return page(
        element(
            "div",
            _worth(ours),
            class_=f"cfs-note {'cfs-good' if ours.right else 'cfs-bad'}",
            role="status",
        ),
        element(
            "details", element("summary", "The other choices"), *map(_worth, others)
        ),
    )


def _worth(choice: Choice) -> Markup:
    sign, verdict = ("✓", "is right.") if choice.right else ("✗", "is not so.")
    said = element("b", f"{sign} “{choice.text}” {verdict}")
    return element("p", said, " ", prose(choice.reason))
