"""predictions: the questions before the cells, one file a notebook.

They are here, and not in the notebooks, because a cell that holds the answer would give
it away.  The choices stand in the notebook too, for those who read it without running.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One possible answer, and why it is right or wrong."""

    text: str
    reason: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """What happens next?  Exactly one choice is right."""

    text: str
    choices: tuple[Choice, ...]

    def __post_init__(self) -> None:
        if sum(choice.right for choice in self.choices) != 1:
            raise ValueError(f"exactly one choice must be right: {self.text}")
