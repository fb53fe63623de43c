"""call_trace: what the kernel was asked, in order, by process.

Each call unfolds to the same step in C, and leads to its manual page.  Dozens of calls
cover one file or give up one right each, or make a device or a link; those of a kind
stand together in one fold.
"""

import itertools
import re
from collections.abc import Callable, Sequence

import ipywidgets

from cfslib.kernel.tracing import Call
from cfslib.observe import in_c
from cfslib.views.page import (
    Child,
    Markup,
    element,
    join,
    kind_badge,
    number,
    page,
    shortened,
    svg,
    table,
)
from cfslib.views.style import KINDS
from cfslib.views.widget import View, button, row

_WIDTH = 80  # of the longest bar
_FAR = 4  # so many times as long as the next: such a bar is cut
_HEAD = ("process", "µs", "how long", "call, and the same in C", "manual")
_PATH = re.compile(r'(?:/[^/",:=\s]+){2,}')
_OF_NAMESPACES = {"clone", "unshare", "setns"}
_KIND = re.compile(rf"\b({'|'.join(KINDS)})\b")
_MANY = 3  # so many calls of one kind in a row are folded
# What we call by a name that has no page of its own.
_PAGES = {"posix_spawn": "man3/posix_spawn.3", "prctl": "man2/prctl.2"}


def to_html(calls: Sequence[Call]) -> Markup:
    """Return the calls as a table, bars to one scale."""
    groups = _in_rows(calls)
    scale = _scale([_took(group) for group in groups])
    processes = {call.pid for call in calls}
    rows = [_row(group, scale) for group in groups]
    summary = (
        f"{len(calls)} calls by {len(processes)} processes, "
        f"{_took(calls) / 1000:.1f} ms in all."
    )
    return page(element("p", summary, role="status"), table("Calls", _HEAD, rows))


def manual(call: str) -> str:
    """Return where the manual page of a call is.

    >>> manual("mount")
    'https://man7.org/linux/man-pages/man2/mount.2.html'
    """
    return f"https://man7.org/linux/man-pages/{_PAGES.get(call, f'man2/{call}.2')}.html"


def _kind(call: Call) -> tuple[int, str]:
    """Return the process, and a word for calls of which there are many."""
    first = str(next(iter(call.arguments.values()), ""))
    target = str(call.arguments.get("target", ""))
    if first == "CAPBSET_DROP":
        return call.pid, "give up one right each"
    if call.name == "mount" and target.startswith(("/proc/", "/sys/")):
        return call.pid, "cover or protect one file each"
    if call.name == "mknod" or first.startswith("/dev/"):
        return call.pid, "put devices into /dev"
    if call.name == "symlink":
        return call.pid, "make links"
    return call.pid, ""


def _in_rows(calls: Sequence[Call]) -> list[list[Call]]:
    """Return what stands in one row: one call, or many that are alike."""
    found = []
    for (_, word), some in itertools.groupby(calls, key=_kind):
        alike = list(some)
        together = word and len(alike) >= _MANY
        found += [alike] if together else [[call] for call in alike]
    return found


def _took(calls: Sequence[Call]) -> float:
    return sum(call.microseconds for call in calls)


def _scale(durations: Sequence[float]) -> float:
    """Return the duration of the longest bar.

    Now and then one call waits for something, and takes many times as long as any
    other.  To its scale nothing would be seen of the others.
    """
    first, second, *_ = [*sorted(durations, reverse=True), 0, 0]
    return (second if first > _FAR * second > 0 else first) or 1


def _row(calls: Sequence[Call], scale: float) -> list[object]:
    names = list(dict.fromkeys(call.name for call in calls))
    return [
        _process(calls[0].pid),
        number(f"{_took(calls):.0f}"),
        _bar(_took(calls) / scale),
        _in_both_words(calls[0]) if len(calls) == 1 else _many(calls, names),
        join(*(element("div", _link(name)) for name in names)),
    ]


def _many(calls: Sequence[Call], names: Sequence[str]) -> Markup:
    words = f"{len(calls)} calls of {' and '.join(names)} that {_kind(calls[0])[1]}"
    every = element("ul", *(element("li", _in_both_words(call)) for call in calls))
    return element("details", element("summary", words), every)


def _process(pid: int) -> Markup:
    if pid == 1:
        return kind_badge("PID", "PID 1")
    return element("span", "the maker", class_="cfs-badge cfs-as-first")


def _in_both_words(call: Call) -> Markup:
    # Its C has the paths whole.
    short = _PATH.sub(lambda path: shortened(path[0]), str(call))
    text = element("code", *_words(short) if call.name in _OF_NAMESPACES else [short])
    return element(
        "details",
        element("summary", element("mark", text) if call.error else text),
        element("pre", in_c.written(call)),
    )


def _words(text: str) -> list[Child]:
    """Return a text with the kinds of namespaces in their colours."""
    return [kind_badge(p) if p in KINDS else p for p in _KIND.split(text)]


def _link(call: str) -> Markup:
    label = f"{call}({'3' if call in _PAGES and 'man3' in _PAGES[call] else '2'})"
    style = "text-decoration: underline"  # a link has to look like one
    return element("a", label, href=manual(call), target="_blank", style=style)


def _bar(share: float) -> Markup:
    cut = share > 1
    width = _WIDTH if cut else max(1, round(share * _WIDTH))
    bar = element("rect", width=width, height=14, class_="cfs-colour-1")
    # Two strokes across a bar, as on the axis of a chart that leaves something out.
    gap = element("path", d="M60 14 l8 -14 M68 14 l8 -14", class_="cfs-gap")
    words = "off the scale" if cut else f"{share:.0%} of the longest bar"
    drawing = svg(_WIDTH, 14, words, bar, gap if cut else "")
    return element("div", drawing, style=f"width: {_WIDTH}px")


def viewer(trace: Callable[[], Sequence[Call]]) -> View:
    """Return the trace with a button that makes a new one."""
    picture = ipywidgets.HTML()
    view = View("The call trace", row(button("Run it again", lambda: show())), picture)

    def show() -> None:
        def drawn() -> None:
            picture.value = to_html(trace())

        view.attempt(drawn)

    show()
    return view
