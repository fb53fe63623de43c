"""call_trace: what the kernel was asked, in order, by process.

Each call unfolds to the same step in C, and leads to its manual page.  Dozens of calls
cover one file or give up one right each, or make a device or a link; those of a kind
stand together in one fold.
"""

import itertools
import re
from collections.abc import Callable, Sequence

import ipywidgets

from cfslib import in_c
from cfslib.tracing import Call
from cfslib.views.page import Markup, element, join, number, page, shortened, svg, table
from cfslib.views.widget import View, button, row

_WIDTH = 120  # of the longest bar
_HEAD = ("process", "µs", "how long", "call, and the same in C", "manual")
_PATH = re.compile(r'(?:/[^/",:=\s]+){2,}')
_MANY = 3  # so many calls of one kind in a row are folded
_OF_DEVICES = ("mknod", "chmod")  # or mknod, and a mount of the host's
# What we call by a name that has no page of its own.
_PAGES = {"posix_spawn": "man3/posix_spawn.3", "prctl": "man2/prctl.2"}


def to_html(calls: Sequence[Call]) -> Markup:
    """Return the calls as a table, bars to the scale of the longest."""
    longest = max((call.microseconds for call in calls), default=0) or 1
    pids = list(dict.fromkeys(call.pid for call in calls))
    rows = []
    for _, some in itertools.groupby(calls, key=_kind):
        alike = list(some)
        if len(alike) >= _MANY and _kind(alike[0])[1]:
            rows.append(_row_of_many(alike, pids, longest))
        else:
            rows += [_row(call, pids, longest) for call in alike]
    took = sum(call.microseconds for call in calls)
    summary = (
        f"{len(calls)} calls by {len(pids)} processes, {took / 1000:.1f} ms in all."
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
    if call.name in _OF_DEVICES or first.startswith("/dev/"):
        return call.pid, "put devices into /dev"
    if call.name == "symlink":
        return call.pid, "make links"
    return call.pid, ""


def _row(call: Call, pids: Sequence[int], longest: float) -> list[object]:
    return [
        _process(call.pid, pids),
        number(f"{call.microseconds:.0f}"),
        _bar(call.microseconds / longest),
        _in_both_words(call),
        _link(call.name),
    ]


def _row_of_many(
    calls: Sequence[Call], pids: Sequence[int], longest: float
) -> list[object]:
    took = sum(call.microseconds for call in calls)
    names = list(dict.fromkeys(call.name for call in calls))
    words = f"{len(calls)} calls of {' and '.join(names)} that {_kind(calls[0])[1]}"
    every = element("ul", *(element("li", _in_both_words(call)) for call in calls))
    return [
        _process(calls[0].pid, pids),
        number(f"{took:.0f}"),
        _bar(min(1, took / longest)),
        element("details", element("summary", words), every),
        join(*(element("div", _link(name)) for name in names)),
    ]


def _process(pid: int, pids: Sequence[int]) -> Markup:
    colour = f"cfs-badge cfs-colour-{pids.index(pid) % 7}"
    return element("span", "PID 1" if pid == 1 else "the maker", class_=colour)


def _in_both_words(call: Call) -> Markup:
    # Its C has the paths whole.
    text = element("code", _PATH.sub(lambda path: shortened(path[0]), str(call)))
    return element(
        "details",
        element("summary", element("mark", text) if call.error else text),
        element("pre", in_c.written(call)),
    )


def _link(call: str) -> Markup:
    label = f"{call}({'3' if call in _PAGES and 'man3' in _PAGES[call] else '2'})"
    style = "text-decoration: underline"  # a link has to look like one
    return element("a", label, href=manual(call), target="_blank", style=style)


def _bar(share: float) -> Markup:
    width = max(1, round(share * _WIDTH))
    bar = element("rect", width=width, height=12, class_="cfs-colour-1")
    drawing = svg(_WIDTH, 12, f"{share:.0%} of the longest call", bar)
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
