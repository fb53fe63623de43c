"""lessons.how_fast: the checks of notebook 20, and what it measures."""

import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Sequence

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.tracing import Call
from cfslib.lessons import Point, verdict

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
    """Start a program that ends at once, and wait for it: a fork and an exec."""
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
    """Add up the microseconds of calls of one name, the dearest first."""
    sums: dict[str, float] = {}
    for call in calls:
        sums[call.name] = sums.get(call.name, 0) + call.microseconds
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def by_filesystem(calls: Iterable[Call]) -> dict[str, float]:
    """Return the mean microseconds of a mount of each type, the dearest first."""
    took: dict[str, list[float]] = {}
    for call in calls:
        if call.name == "mount":
            # What has no type of its own shows or changes what is mounted already.
            kind = str(call.arguments["fstype"] or call.arguments["flags"])
            took.setdefault(kind, []).append(call.microseconds)
    means = {kind: statistics.mean(each) for kind, each in took.items()}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def installed() -> dict[str, list[str]]:
    """Return the command lines of programs like ours that are installed here."""
    world = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    box = ["--unshare-all", "--bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    known = {"unshare": ["unshare", *world, "true"], "bwrap": ["bwrap", *box, "true"]}
    return {name: argv for name, argv in known.items() if shutil.which(name)}


def check_median(median_us: Callable[[Callable[[], object], int], object]) -> None:
    """Check exercise 1: a function that measures without being misled."""

    def measured() -> tuple[int, object]:
        naps: list[float] = [0.001, 0.3, 0.001, 0.001, 0.001]
        left = iter(naps)
        answer = median_us(lambda: time.sleep(next(left)), len(naps))
        return len(naps) - len(list(left)), answer

    calls, answer = in_child(measured)
    number = answer if isinstance(answer, int | float) else -1.0
    verdict(
        Point(
            "the function was called as often as asked",
            calls == 5,
            "for _ in range(times): and a call of func() in the loop.",
        ),
        Point(
            "the answer is in microseconds",
            number >= 900,
            "time.perf_counter() gives seconds; a second has 1e6 microseconds.",
        ),
        Point(
            "one slow call out of five does not show",
            900 <= number < 50_000,
            "The mean is pulled up by it; statistics.median is not.",
        ),
        of=("20-how-fast", 1),
    )


def check_dearest(dearest: Callable[[Sequence[Call]], object]) -> None:
    """Check exercise 2: the name of the call that takes most time in all."""

    def call(name: str, microseconds: float) -> Call:
        return Call(name, {}, 0, 0, microseconds, 1)

    one = [call("mount", 10), call("clone", 90), call("chdir", 1)]
    many = [*(call("mount", 40) for _ in range(5)), *one]
    answers = in_child(lambda: (dearest(one), dearest(many)))
    verdict(
        Point(
            "one call that is dear by itself is found",
            answers[0] == "clone",
            "Return the name, call.name, where call.microseconds is greatest.",
        ),
        Point(
            "many that are dear together are found",
            answers[1] == "mount",
            "Add up the microseconds of all calls of one name first.",
        ),
        of=("20-how-fast", 2),
    )
