"""cards: a verdict and an error as a learner should see them, and nothing else.

An error is text with the colours of a terminal, which JupyterLab, GitHub and a book
show alike; a verdict is HTML.
"""

import builtins
import errno
import linecache
import re
import textwrap
from collections.abc import Iterator

from cfslib.isolation.namespaces import Namespace
from cfslib.lessons import Point, Verdict, guard, handout
from cfslib.views import source
from cfslib.views.page import Markup, element, join, page, prose
from cfslib.views.style import namespace_class

BOLD, FAINT, PLAIN = (f"\x1b[{code}m" for code in (1, 2, 0))
ON_PURPOSE = "Refused on purpose"
WIDTH = 66  # columns for what is said, so that all of it fits into 80
ENOUGH = 2  # wrong answers after which the solution is open
ALL_FRAMES = "%tb shows every step between."
RERUN = "After a restart: in the menu Run, choose Run All Above Selected Cell."


def verdict(found: Verdict) -> Markup:
    """Return what a check found, as a card; with the solution, once it may be seen."""
    points = element("ul", *map(_point, found.points), class_="cfs-points")
    if found.done:
        end = join(element("p", element("b", "Done.  "), _joy(found)), _confetti())
    else:
        first, _, rest = found.hint.partition("\n\n")
        end = join(
            element("p", element("b", "Not yet.  "), prose(first)),
            element("pre", rest) if rest else join(),
            _solution(found),
        )
    kind = "cfs-good cfs-done" if found.done else "cfs-open"
    return page(element("div", points, end, class_=f"cfs-note {kind}", role="status"))


def _point(point: Point) -> Markup:
    mark, state = ("✓", "done: ") if point.holds else ("○", "open: ")
    sign = element("span", mark, class_="cfs-mark", aria_hidden="true")
    spoken = element("span", state, class_="cfs-spoken")
    return element(
        "li",
        sign,
        spoken,
        prose(point.claim),
        class_=None if point.holds else "cfs-faint",
    )


def _joy(found: Verdict) -> str:
    again = found.failures
    return (
        "At the first go!" if not again else f"After {again + 1} goes.  Well held out."
    )


def _confetti() -> Markup:
    """Return a moment of joy: tiles fall, two for each kind of namespace."""
    tiles = (
        element(
            "i",
            class_=namespace_class(kind),
            style=f"left: {3 + 6 * n}%; animation-delay: {n * 7 % 16 * 40}ms",
        )
        for n, kind in enumerate([*Namespace, *Namespace])
    )
    return element("div", *tiles, class_="cfs-confetti", aria_hidden="true")


def _solution(found: Verdict) -> Markup:
    try:
        code, remark = handout.solution(*found.of), handout.remark(*found.of)
    except (OSError, IndexError):
        return join()
    return element(
        "details",
        element("summary", "Show the solution"),
        source.block(code, "The solution"),
        element("p", prose(remark)),
        open=found.failures >= ENOUGH,
    )


def error(caught: BaseException, *, on_purpose: bool = False) -> list[str]:
    """Return the lines of a card: the learner's line, the call, its answer, a hint."""
    if isinstance(caught, KeyboardInterrupt):
        return [f"{BOLD}Interrupted.{PLAIN}  The cell was stopped, as you asked."]
    kind = type(caught).__name__
    title = f"{ON_PURPOSE}: {kind}" if on_purpose else kind
    rows = [line for label, text in _rows(caught) if text for line in _row(label, text)]
    return [f"{BOLD}{title}{PLAIN}", *rows, f"{FAINT}{ALL_FRAMES}{PLAIN}"]


def _row(label: str, text: str) -> list[str]:
    """Return a row of two columns; what is long goes on below itself."""
    first, *rest = textwrap.wrap(text, WIDTH) or [""]
    return [f"{FAINT}{label:>12}{PLAIN}  {first}", *(f"{'':14}{line}" for line in rest)]


def _rows(caught: BaseException) -> Iterator[tuple[str, str]]:
    if isinstance(caught, SyntaxError) and caught.text:  # it has no frame of yours
        yield "your line", f"{caught.lineno}: {caught.text.strip()}"
        yield "the error", caught.msg
        return
    stumbled = guard.stumbled(caught)
    yield "your line", _line(stumbled)
    call, answer = _call_and_answer(caught)
    yield "the call", call
    yield "the answer" if call else "the error", answer
    for hint in stumbled.hints or _advice(caught):
        yield "hint", hint.removeprefix("Hint: ")


def _line(stumbled: guard.Stumbled) -> str:
    text = linecache.getline(stumbled.file, stumbled.line).strip()
    return f"{stumbled.line}: {text}" if stumbled.line else ""


def _call_and_answer(caught: BaseException) -> tuple[str, str]:
    """Take apart what an error of a system call says: sethostname("x"): refused."""
    said = str(caught)
    if not isinstance(caught, OSError) or caught.errno is None:
        return "", f"{type(caught).__name__}: {said}" if said else type(caught).__name__
    name = errno.errorcode.get(caught.errno, str(caught.errno))
    if caught.filename is not None:  # Python's own: No such file or directory: 'x'
        return "", f"{name}, {caught.strerror}: {caught.filename!r}"
    call, _, answer = re.sub(r"^\[Errno \d+\] ", "", said).rpartition(": ")
    return call, f"{name}, {answer}"


def _advice(caught: BaseException) -> list[str]:
    if isinstance(caught, NameError) and not hasattr(builtins, caught.name or "-"):
        return [f"this kernel does not know `{caught.name}` yet.  {RERUN}"]
    return []
