"""quiz: a prediction: answer first, then run the cell, then see what became of it."""

from typing import Any

import ipywidgets
from IPython.core.getipython import get_ipython

from cfslib.lessons import journal
from cfslib.lessons.predictions import Choice, Question
from cfslib.views.page import Markup, element, join, page, prose
from cfslib.views.widget import View, button, labelled, row

KERNEL = "cfslib.views.kernel"  # the extension that tells when a cell has run
NOTED = "Noted.  Now run the next cell."
DIGITS = "Type a number in digits, please."
# JupyterLab would break what is printed inside words, in all of a chapter.
PRINTED = Markup("""
.jp-OutputArea-output.jp-RenderedText pre {
  word-break: normal; overflow-wrap: anywhere;
}
""")
BELOW = "What became of it is below the next cell."


class Prediction(View):
    """A question with its choices; what the answer is worth comes with the truth."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._is_told = not _will_be_told()
        self._is_late = False  # what is answered now is no prediction any more
        self._answer = journal.predicted().get(question.name)
        self._worth = ipywidgets.HTML()
        head = ipywidgets.HTML(asked(question))
        answers = _typing(self) if question.typed else _choosing(self)
        super().__init__("Prediction", head, answers, self._worth)
        if self._answer is not None:
            self._say()

    @property
    def answer(self) -> str | None:
        """Return what was answered, in this session or an earlier one."""
        return self._answer

    def choose(self, answer: str) -> None:
        """Take an answer; the last one before the cell has run counts."""
        self._answer = answer
        if not self._is_late:
            journal.predict(self.question.name, answer)
        self._is_late = self._is_told
        self._say()

    def tell(self) -> Markup:
        """Return what is so, for the cell has run; nothing if nobody predicted."""
        self._is_told = self._is_late = True
        if self._answer is None:
            return join()
        self._worth.value = page(element("p", BELOW))
        return compared(self.question, self._answer)

    def _say(self) -> None:
        if self._is_told and self._answer is not None:
            self._worth.value = compared(self.question, self._answer)
        else:
            self._worth.value = page(element("p", NOTED, role="status"))


_last: dict[str, Prediction] = {}  # what was asked in this kernel


def ask(question: Question) -> Prediction:
    """Return a question to answer before the next cell runs."""
    made = _last[question.name] = Prediction(question)
    return made


def tell(name: str) -> Markup:
    """Say what became of the prediction of this name, now that its cell has run."""
    found = [p for whole, p in _last.items() if whole.partition("/")[2] == name]
    return found[-1].tell() if found else join()


def _will_be_told() -> bool:
    """Say if somebody will tell us that the cell has run; else it is told at once."""
    extensions: Any = getattr(get_ipython(), "extension_manager", None)
    return extensions is not None and KERNEL in extensions.loaded


def _choosing(view: Prediction) -> ipywidgets.Widget:
    texts = [choice.text for choice in view.question.choices]
    before = view.answer if view.answer in texts else None
    options = [(text.replace("`", ""), text) for text in texts]
    choices = ipywidgets.RadioButtons(options=options, value=before)
    choices.layout.width = "auto"
    choices.observe(lambda _: view.attempt(lambda: view.choose(choices.value)), "value")
    return choices


def _typing(view: Prediction) -> ipywidgets.Widget:
    text = labelled(ipywidgets.Text(description=f"A {view.question.typed}"))
    # It comes as a whole, with Enter or when the learner goes elsewhere: letter by
    # letter, the last ones could be later than the key Enter.
    text.continuous_update = False
    text.value = view.answer or ""
    text.layout.width = "22em"

    def done() -> None:
        answer = text.value.strip()
        if view.question.typed == "number" and not answer.isdecimal():
            view.say(DIGITS)  # or "two" would be told that it is 2
        elif answer:
            view.choose(answer)

    text.observe(lambda _: view.attempt(done), "value")
    return row(text, button("That is my answer", lambda: view.attempt(done)))


def asked(question: Question) -> Markup:
    """Return the question itself."""
    words = element("p", element("b", "Predict. "), prose(question.text))
    return page(element("style", PRINTED), words)


def compared(question: Question, answer: str) -> Markup:
    """Return what was said beside what is so, and why; other choices, folded."""
    ours, right = question.choice(answer), question.right
    words = [_worth(ours)] if ours.right else [_missed(ours, right)]
    others = [c for c in question.choices if c is not ours and c is not right]
    rest = element(
        "details", element("summary", "The other answers"), *map(_other, others)
    )
    note = f"cfs-note {'cfs-good' if ours.right else 'cfs-bad'}"
    return page(
        element("div", *words, class_=note, role="status"), rest if others else join()
    )


def _worth(ours: Choice) -> Markup:
    said = element("b", "✓ You said “", prose(ours.text), "”, and so it is.")
    return element("p", said, " ", prose(ours.reason))


def _missed(ours: Choice, right: Choice) -> Markup:
    said = element(
        "b", "✗ You said “", prose(ours.text), "”; it is “", prose(right.text), "”."
    )
    return join(
        element("p", said), element("p", prose(ours.reason)),
        element("p", prose(right.reason)),
    )  # fmt: skip


def _other(choice: Choice) -> Markup:
    return element(
        "p", element("b", "“", prose(choice.text), "”"), " ", prose(choice.reason)
    )
