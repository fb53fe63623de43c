"""predictions: the questions before the cells, one file a notebook.

They are here, and not in the notebooks, because a cell that holds the answer would give
it away.  The choices stand in the notebook too, for those who read it without running.
"""

import importlib
import pkgutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One possible answer, and why it is right or wrong."""

    text: str
    reason: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """What happens next?  Exactly one choice is right.

    Of a question that is answered by typing, the choices are the right answer and the
    usual wrong ones; `otherwise` is what to say to any other.
    """

    name: str  # 01-hostname/private-copy: its notebook, and what its cell is tagged
    text: str
    choices: tuple[Choice, ...]
    typed: str = ""  # "number" or "word" if it is
    otherwise: str = ""

    def __post_init__(self) -> None:
        if sum(choice.right for choice in self.choices) != 1:
            raise ValueError(f"exactly one choice must be right: {self.text}")
        if self.typed not in ("", "number", "word"):
            raise ValueError(f"nobody can type a {self.typed}: {self.text}")
        if bool(self.typed) != bool(self.otherwise):
            raise ValueError(f"`otherwise` is for what is typed: {self.text}")

    @property
    def right(self) -> Choice:
        """Return what is so."""
        return next(choice for choice in self.choices if choice.right)

    def choice(self, answer: str) -> Choice:
        """Return the choice that an answer means; one of our own if it means none."""
        for choice in self.choices:
            if _plain(choice.text) == _plain(answer):
                return choice
        return Choice(answer, self.otherwise)


def every() -> list[Question]:
    """Return all questions, a notebook after the other, each in the order asked."""
    modules = (
        importlib.import_module(f"{__name__}.{found.name}")
        for found in pkgutil.iter_modules(__path__)
    )
    values = (value for module in modules for value in vars(module).values())
    found = [value for value in values if isinstance(value, Question)]
    return sorted(found, key=lambda question: question.name.partition("/")[0])


def _plain(answer: str) -> str:
    """Return what counts of an answer that was typed.

    >>> _plain(" `PermissionError`. ") == _plain("permissionerror")
    True
    """
    return answer.strip(" `'\".").casefold()
