"""differences: two texts line by line, with a sign at what the other one lacks.

A list of all processes is long, and nearly the same on both sides: what both have is
folded away, so that the few lines that count are in sight.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import groupby

from cfslib.views.page import Markup, element, join

_LONG = 9  # so many lines in a row that both have are folded, all but their ends
_ENDS = 2


def marked(host: str, inside: str) -> tuple[Markup, Markup]:
    """Return both texts line by line, each with a sign at what the other lacks."""
    ours, theirs = host.splitlines(), inside.splitlines()
    same_ours, same_theirs = set[int](), set[int]()
    # Columns may be wider on one side: what counts is the words.
    matcher = SequenceMatcher(
        a=[tuple(line.split()) for line in ours],
        b=[tuple(line.split()) for line in theirs],
        autojunk=False,
    )
    for a, b, size in matcher.get_matching_blocks():
        same_ours |= set(range(a, a + size))
        same_theirs |= set(range(b, b + size))
    return _lines(ours, same_ours), _lines(theirs, same_theirs)


def _lines(lines: list[str], same: set[int]) -> Markup:
    if not lines:
        return element("i", "(nothing)")
    drawn = list[Markup]()
    for is_same, some in groupby(enumerate(lines), lambda pair: pair[0] in same):
        alike = [line for _, line in some]
        drawn += _folded(alike) if is_same else [_different(line) for line in alike]
    return Markup("\n".join(drawn))


def _different(line: str) -> Markup:
    return element("mark", "≠ ", line)


def _folded(lines: Sequence[str]) -> list[Markup]:
    """Return lines that both have; if they are many, only the ends are unfolded."""
    drawn = [element("span", line, class_="cfs-same") for line in lines]
    if len(lines) < _LONG:
        return drawn
    inner = drawn[_ENDS:-_ENDS]
    words = f"{len(inner)} more lines that both have"
    fold = element("details", element("summary", words), Markup("\n".join(inner)))
    # A fold ends its line by itself, so what comes after it needs no new one.
    return [*drawn[:_ENDS], join(fold, drawn[-_ENDS]), *drawn[1 - _ENDS :]]
