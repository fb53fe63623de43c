"""lessons: the checks behind the exercises, one file a notebook.

A check looks at the machine, not at the text of an answer.  It says what is true by
now, and gives a hint for the first thing that is not.
"""

import collections.abc
import functools
import inspect
import marshal
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cfslib.lessons import guard, handout, journal

LONGER = 3 * guard.SECONDS  # seconds for a check that is stuck; an answer has less


@dataclass(frozen=True)
class Point:
    """One thing that an exercise asks for."""

    claim: str  # what has to be so, as a sentence
    holds: bool
    hint: str  # what helps if it is not so


@dataclass(frozen=True)
class Verdict:
    """What a check found.  A notebook shows it; `str` says it in words."""

    of: tuple[str, int]  # the exercise: its notebook, and its number there
    points: tuple[Point, ...]
    failures: int = field(default=0, compare=False)  # different answers that were wrong

    @property
    def done(self) -> bool:
        """Say if nothing is open."""
        return all(point.holds for point in self.points)

    @property
    def hint(self) -> str:
        """Return what helps with the first open point; nothing if all is done."""
        return next((point.hint for point in self.points if not point.holds), "")

    def __str__(self) -> str:
        marks = [f"[{'x' if p.holds else ' '}] {p.claim}" for p in self.points]
        end = "Done." if self.done else f"Not yet.  {self.hint}"
        return "\n".join([*marks, "", end])

    __repr__ = __str__


NONE: Mapping[str, str] = MappingProxyType({})
asked: list[tuple[str, int]] = []  # exercises that were looked at in this process
wrong: dict[tuple[str, int], set[bytes]] = {}  # what was tried there, and was not right


def exercise(
    notebook: str, number: int, hints: Mapping[str, str] = NONE
) -> Callable[[Callable[..., list[Point]]], Callable[..., Verdict]]:
    """Make a check of a function that looks at answers and returns what it found.

    Every answer that should be a function gets a `guard`; one that stumbles is the
    first open point, whatever the check makes of it.  `hints` has what helps in this
    exercise, by the name of the error; it takes the place of the usual hint.
    """
    of = (notebook, number)

    def decorate(check: Callable[..., list[Point]]) -> Callable[..., Verdict]:
        @functools.wraps(check)
        def checked(*answers: typing.Any) -> Verdict:
            try:
                with guard.in_time(LONGER):
                    points = check(*_guarded(check, answers))
            except (Exception, SystemExit, guard.TimeIsUp) as error:
                points = [_does_not_run(error, hints)]
            return _judged(Verdict(of, tuple(points)), answers)

        return checked

    return decorate


def _guarded(
    check: Callable[..., list[Point]], answers: tuple[typing.Any, ...]
) -> list[typing.Any]:
    """Return the answers, functions with a guard; raise `Stumbled` if one is none."""
    wanted = inspect.signature(check, eval_str=True).parameters.values()
    pairs = list(zip(wanted, answers, strict=False))
    for parameter, answer in pairs:
        is_func = typing.get_origin(parameter.annotation) is collections.abc.Callable
        if is_func and not callable(answer):
            said = f"{parameter.name} is no function, but this: {answer!r:.60}"
            hint = f"Run the cell with `def {parameter.name}(...):` once more."
            raise guard.Stumbled("TypeError", said, "", 0, (hint,))
    return [guard.guarded(a) if callable(a) else a for a in answers]


def _does_not_run(error: BaseException, hints: Mapping[str, str]) -> Point:
    told = error if isinstance(error, guard.Stumbled) else guard.stumbled(error)
    if told.kind in hints:
        ours = (hints[told.kind],)
        told = guard.Stumbled(told.kind, told.said, told.file, told.line, ours)
    return Point("it runs", False, str(told))


def _judged(verdict: Verdict, answers: tuple[typing.Any, ...]) -> Verdict:
    """Write down how an exercise went; say how many wrong answers there were by now."""
    asked.append(verdict.of)
    known = wrong.setdefault(verdict.of, set())
    if verdict.done:
        journal.note(*verdict.of)
    else:
        starters = handout.starters(verdict.of[0])
        known |= {_code(answer) for answer in answers if not _is_in(answer, starters)}
    return Verdict(verdict.of, verdict.points, len(known))


def _code(answer: object) -> bytes:
    code = getattr(answer, "__code__", None)
    return marshal.dumps(code) if code else repr(answer).encode()


def _is_in(answer: object, starters: list[str]) -> bool:
    """Say if an answer is what was handed out, or no answer but what goes with one."""
    try:
        source = inspect.getsource(answer).strip()  # type: ignore[arg-type]
    except (TypeError, OSError):
        return not callable(answer)
    return any(source in starter for starter in starters)
