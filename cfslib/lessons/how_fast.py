"""lessons.how_fast: the checks of notebook 20, and what it measures."""

import itertools
import math
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.tracing import Call
from cfslib.lessons import Point, exercise

TIMES = 9  # how often a thing is measured, so that one bad moment does not matter


def typical(func: Callable[[], object], times: int = TIMES) -> float:
    """Return the median duration of a call, in microseconds."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        func()
        took.append((time.perf_counter() - started) * 1e6)
    return statistics.median(took)


def fork() -> None:
    """Fork a child that ends at once, and wait for it.  Use it in a child."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def program() -> None:
    """Start a program that ends at once, and wait for it.  It takes no fork."""
    os.waitpid(os.posix_spawnp("true", ["true"], os.environ), 0)


def cost_of(kind: Namespace) -> float:
    """Return what a new namespace of one kind costs, in microseconds."""

    def once() -> float:
        # Every user may make the others inside a user namespace.
        idmaps.unshare_as_root(Namespace(0))
        return typical(lambda: syscalls.unshare(kind), times=1)

    # A process can make only one PID namespace, so each time takes a new process.
    return statistics.median(in_child(once) for _ in range(TIMES))


def by_name(calls: Iterable[Call]) -> dict[str, float]:
    """Add up the microseconds of calls of one name."""
    sums: dict[str, float] = {}
    for call in calls:
        sums[call.name] = sums.get(call.name, 0) + call.microseconds
    return sums


def by_filesystem(calls: Iterable[Call]) -> dict[str, float]:
    """Return the mean microseconds of a mount of each type."""
    took: dict[str, list[float]] = {}
    for call in calls:
        if call.name == "mount":
            # What has no type of its own shows or changes what is mounted already.
            kind = str(call.arguments["fstype"] or call.arguments["flags"])
            took.setdefault(kind, []).append(call.microseconds)
    return {kind: statistics.mean(each) for kind, each in took.items()}


def medians(several: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the median for each name that was measured, the longest first."""
    took: dict[str, list[float]] = {}
    for durations in several:
        for name, microseconds in durations.items():
            took.setdefault(name, []).append(microseconds)
    found = {name: statistics.median(each) for name, each in took.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def installed() -> dict[str, list[str]]:
    """Return the command lines of programs like ours that are installed here."""
    world = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    box = ["--unshare-all", "--bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    known = {"unshare": ["unshare", *world, "true"], "bwrap": ["bwrap", *box, "true"]}
    return {name: argv for name, argv in known.items() if shutil.which(name)}


@exercise("20-how-fast", 1)
def check_median(
    median_us: Callable[[Callable[[], object], int], object],
) -> list[Point]:
    """Check exercise 1: a function that measures without being misled."""
    number, shown, took = in_child(lambda: _measured(median_us))
    near_enough = min(took, default=0) / 2 < number < sum(took) * 2
    right = statistics.median(took) if took else 0.0
    return [
        Point(
            "the function was called as often as asked",
            len(took) == len(NAPS),
            f"It was called {len(took)} times, and should have been {len(NAPS)} times: "
            "for _ in range(times): and a call of func() in the loop.",
        ),
        Point(
            "the answer is in microseconds",
            near_enough,
            f"It is {shown}.  "
            + ("Return a number.  " if math.isnan(number) else "")
            + "time.perf_counter() gives seconds, and a second has 1e6 microseconds.",
        ),
        Point(
            "the answer is the median",
            near_enough and _like(number, right),
            _instead(number, took),
        ),
    ]


# Sorted, the one in the middle is 0.03.  In this order it is another one.
NAPS = (0.001, 0.03, 0.2, 0.008, 0.2, 0.001, 0.12)


def _measured(
    median_us: Callable[[Callable[[], object], int], object],
) -> tuple[float, str, list[float]]:
    """Return an answer for a function that sleeps, and how long it really did.

    The answer comes as a number, NaN if it is none, and as it would be printed.
    """
    took: list[float] = []

    def nap() -> None:
        started = time.perf_counter()
        time.sleep(NAPS[len(took) % len(NAPS)])
        took.append((time.perf_counter() - started) * 1e6)

    answer = median_us(nap, len(NAPS))
    number = answer if isinstance(answer, int | float) else math.nan
    return number, repr(answer)[:60], took


def _like(one: float, other: float) -> bool:
    """Say if two durations are the same, but for what it takes to measure them."""
    return abs(one - other) < 1_000 + other / 5


def _instead(number: float, took: Sequence[float]) -> str:
    """Say what a number is that should be the median."""
    others: dict[str, Callable[[Sequence[float]], float]] = {
        "the shortest": min,
        "the longest": max,
        "all of them together": sum,
        "the mean, which a few slow calls pull up": statistics.mean,
        "the first": lambda took: took[0],
        "the last": lambda took: took[-1],
        "the middle one, but not in order of time": lambda took: took[len(took) // 2],
    }
    found = [name for name, of in others.items() if took and _like(number, of(took))]
    seen = f"That looks like {found[0]}.  " if found else ""
    return f"{seen}Keep each duration in a list; statistics.median takes the list."


NOT_YET = (
    "At its first call, a name is not in the dictionary yet: sums.get(call.name, 0)."
)


@exercise("20-how-fast", 2, {"KeyError": NOT_YET})
def check_longest(longest: Callable[[list[Call]], object]) -> list[Point]:
    """Check exercise 2: the name of the calls that take most time in all."""
    one = _calls(mount=[10], clone=[90], chdir=[1])
    many = _calls(mount=[40] * 5, clone=[90], chdir=[1] * 9)
    answers = in_child(lambda: [_name(longest(calls)) for calls in (one, many)])
    return [
        Point(
            "one call that takes long by itself is found",
            answers[0] == "clone",
            f"It returns {answers[0]}.  Wanted is the name, call.name, of the calls "
            "whose call.microseconds come to most.",
        ),
        Point(
            "many that take long together are found",
            answers[1] == "mount",
            f"It returns {answers[1]}.  Five calls of 40 us take longer than one of "
            "90: add up the microseconds of all calls of one name first.",
        ),
    ]


def _name(answer: object) -> str:
    """Return an answer that is a name; any other as it would be printed."""
    if isinstance(answer, Call):
        return f"the call {answer}"
    return answer if isinstance(answer, str) else repr(answer)[:60]


def _calls(**durations: list[float]) -> list[Call]:
    """Return calls by name, in turns: two of one name are not next to each other."""
    turns = itertools.zip_longest(*durations.values())
    return [
        Call(name, {}, 0, 0, microseconds, 1)
        for turn in turns
        for name, microseconds in zip(durations, turn, strict=True)
        if microseconds is not None
    ]
