r"""patterns: names with * and ? in them, by the rules of Docker.

    *  any number of signs but /     [a-z]  one of these, [^a-z] none of them
    ?  one sign, which is no /       \*     a star
    ** any number of directories, in .dockerignore alone

The time that a match takes grows with the length of a name, and not with its power,
whatever a pattern is: it may be somebody else's.
"""

import re
from collections.abc import Callable
from itertools import pairwise

Match = Callable[[str], bool]
_MOST = 16  # forms of one pattern
_FEW = 3  # stars with which `re`, which is fast, does not take long either
_SPECIAL = frozenset("*?[\\")


def has_wildcards(text: str) -> bool:
    """Say if a text stands for other names than itself."""
    return not _SPECIAL.isdisjoint(text)


def compiled(pattern: str) -> Match:
    """Return what says if a whole name fits; raise `ValueError` for no pattern."""
    tokens = _tokens(pattern)
    stars = sum(many for _, many in tokens)
    if stars <= _FEW:
        found = re.compile("".join(one + "*" * many for one, many in tokens), re.DOTALL)
        return lambda name: found.fullmatch(name) is not None
    return _Slow(tokens)


Token = tuple[str, bool]  # a regular expression for one sign; and if there may be more


def _tokens(pattern: str) -> list[Token]:
    """Return a pattern sign by sign; the stars of .dockerignore may be in it."""
    found: list[Token] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        if sign == "*" and pattern.startswith("*", at):
            at += len(pattern[at:]) - len(pattern[at:].lstrip("*"))
            found.append((".", True))
        elif sign == "*":
            found.append(("[^/]", True))
        elif sign == "?":
            found.append(("[^/]", False))
        elif sign == "[":
            one, at = _class(pattern, at)
            found.append((one, False))
        else:
            if sign == "\\":
                sign, at = pattern[at : at + 1], at + 1
                if not sign:
                    raise ValueError(f"{pattern}: nothing follows the last \\")
            found.append((re.escape(sign), False))
    return found


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Return what is between [ and ] as a regular expression, and where it ends."""
    is_not = pattern.startswith("^", at)
    at += is_not
    parts: list[str] = []
    while not (parts and pattern.startswith("]", at)):
        first, at = _one(pattern, at)
        last = first
        if pattern.startswith("-", at):
            last, at = _one(pattern, at + 1)
        if first > last:
            raise ValueError(f"{pattern}: {first}-{last} has its end first")
        parts.append(f"{re.escape(first)}-{re.escape(last)}")
    return f"[{'^/' if is_not else ''}{''.join(parts)}]", at + 1


def _one(pattern: str, at: int) -> tuple[str, int]:
    sign = pattern[at : at + 1]
    if sign == "\\":
        at += 1
        sign = pattern[at : at + 1]
    elif sign in ("]", "-"):
        sign = ""
    if not sign:
        raise ValueError(f"{pattern}: a [ has no ] that ends it")
    return sign, at + 1


class _Slow:
    """All ways through a pattern at once, one sign of the name after the other."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = [
            (re.compile(one, re.DOTALL).fullmatch, many) for one, many in tokens
        ]

    def __call__(self, name: str) -> bool:
        places = self._and_after({0})
        for sign in name:
            moved: set[int] = set()
            for place in places - {len(self._tokens)}:
                fits, many = self._tokens[place]
                if fits(sign):
                    moved.add(place if many else place + 1)
            places = self._and_after(moved)
        return len(self._tokens) in places

    def _and_after(self, places: set[int]) -> set[int]:
        """Add the places that are reached without any sign: behind stars."""
        found = set(places)
        for place in places:
            while place < len(self._tokens) and self._tokens[place][1]:
                place += 1
                found.add(place)
        return found


class Ignored:
    """What a .dockerignore says is not there; of several lines, the last counts."""

    def __init__(self, text: str = "") -> None:
        self._lines: list[tuple[bool, Match]] = []
        for line in text.removeprefix("\ufeff").splitlines():
            self._add(line)

    def _add(self, line: str) -> None:
        if line.startswith("#") or not line.strip():
            return
        pattern = line.strip()
        is_back = pattern.startswith("!")
        pattern = pattern.removeprefix("!").strip()
        names = [name for name in pattern.split("/") if name not in ("", ".")]
        while ".." in names:  # none leads out of the directory
            at = names.index("..")
            names = names[: max(at - 1, 0)] + names[at + 1 :]
        if names:
            fits = [compiled("/".join(one)) for one in _ways(names)]
            self._lines.append((is_back, lambda name: any(fit(name) for fit in fits)))

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __call__(self, place: str) -> bool:
        """Say if a file is not there; what is in a directory goes with it."""
        names = place.split("/")
        ways = ["/".join(names[:end]) for end in range(1, len(names) + 1)]
        is_gone = False
        for is_back, fits in self._lines:
            if is_gone == is_back and any(map(fits, ways)):
                is_gone = not is_back
        return is_gone


def _ways(names: list[str]) -> list[list[str]]:
    """Return a pattern with and without each ** that may stand for no directory."""
    names = [
        one for one, after in pairwise([*names, ""]) if one != "**" or after != one
    ]
    ways: list[list[str]] = [[]]
    for at, name in enumerate(names):
        longer = [[*way, name] for way in ways]
        may_be_none = name == "**" and at + 1 < len(names) and len(ways) < _MOST
        ways = longer + ways if may_be_none else longer
    return ways
