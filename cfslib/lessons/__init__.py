"""lessons: the checks behind the exercises, one file a notebook.

A check looks at the machine, not at the text of an answer.  It says what is true by
now, and gives a hint for the first thing that is not.
"""

from dataclasses import dataclass

from cfslib.lessons import journal


@dataclass(frozen=True)
class Point:
    """One thing that an exercise asks for."""

    claim: str  # what has to be so, as a sentence
    holds: bool
    hint: str  # what helps if it is not so


asked: list[tuple[str, int]] = []  # exercises that were looked at in this process


def verdict(*points: Point, of: tuple[str, int]) -> None:
    """Print what is done and what is open, with a hint for the first open point.

    `of` names the exercise: its notebook, and its number there.
    """
    asked.append(of)
    for point in points:
        print(f"[{'x' if point.holds else ' '}] {point.claim}")
    if missing := [point for point in points if not point.holds]:
        print(f"\nNot yet.  {missing[0].hint}")
    else:
        print("\nDone.")
        journal.note(*of)
