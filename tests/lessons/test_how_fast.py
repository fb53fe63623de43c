"""Notebook 20 measures what is there; its checks know right answers from wrong ones."""

import itertools
import statistics
import time
import timeit
from collections import Counter
from collections.abc import Callable

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel.tracing import Call
from cfslib.lessons import how_fast
from tests.conftest import needs_user_namespaces
from tests.lessons.conftest import assert_not_yet

Func = Callable[[], object]
Median = Callable[[Func, int], object]
Longest = Callable[[list[Call]], object]


def call(name: str, microseconds: float) -> Call:
    return Call(name, {}, 0, 0, microseconds, 1)


def test_typical_is_the_median() -> None:
    naps = iter([0.001, 0.2, 0.001])

    assert 900 < how_fast.typical(lambda: time.sleep(next(naps)), 3) < 100_000


def test_a_fork_takes_time() -> None:
    assert in_child(lambda: how_fast.typical(how_fast.fork)) > 1


@needs_user_namespaces
@pytest.mark.parametrize("kind", [Namespace.UTS, Namespace.PID, Namespace.MNT])
def test_a_namespace_takes_time(kind: Namespace) -> None:
    assert how_fast.cost_of(kind) > 0


def test_calls_of_one_name_are_added_up() -> None:
    calls = [call("chdir", 1), call("mount", 2), call("mount", 3)]

    assert how_fast.by_name(calls) == {"mount": 5, "chdir": 1}


def test_of_several_measurements_the_median_counts_the_longest_first() -> None:
    several = [{"a": 1.0, "b": 5.0}, {"a": 2.0, "b": 3.0}, {"a": 90.0, "b": 4.0}]

    assert list(how_fast.medians(several).items()) == [("b", 4), ("a", 2)]


def test_a_program_takes_time() -> None:
    assert in_child(lambda: how_fast.typical(how_fast.program)) > 10


def test_mounts_are_told_apart_by_type_or_else_by_flags() -> None:
    def mount(fstype: str | None, microseconds: float) -> Call:
        arguments: dict[str, object] = {"fstype": fstype, "flags": MountFlag.BIND}
        return Call("mount", arguments, 0, 0, microseconds, 1)

    calls = [mount("proc", 5), mount(None, 2), mount(None, 4), call("chdir", 9)]

    assert how_fast.by_filesystem(calls) == {"proc": 5, "BIND": 3}


def test_what_is_installed_can_be_called() -> None:
    for name, argv in how_fast.installed().items():
        assert argv[0] == name


def durations(func: Func, times: int) -> list[float]:
    """Return how long each of several calls took, in microseconds."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        func()
        took.append((time.perf_counter() - started) * 1e6)
    return took


def middle(func: Func, times: int) -> float:
    return sorted(durations(func, times))[times // 2]


def with_timeit(func: Func, times: int) -> float:
    took = timeit.repeat(func, number=1, repeat=times)
    return statistics.median_low(took) * 1e6


def whole_numbers(func: Func, times: int) -> int:
    return round(how_fast.typical(func, times))


@pytest.mark.parametrize(
    "answer", [how_fast.typical, middle, with_timeit, whole_numbers]
)
def test_the_median_is_accepted(answer: Median) -> None:
    verdict = how_fast.check_median(answer)

    assert verdict.done, str(verdict)


def in_all(func: Func, times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        func()
    return (time.perf_counter() - started) * 1e6


def without_the_worst(func: Func, times: int) -> float:
    return statistics.mean(sorted(durations(func, times))[:-1])


def once(func: Func, times: int) -> float:
    return durations(func, 1)[0]


def for_ever(func: Func, times: int) -> None:
    while True:
        func()


WRONG_MEDIANS: list[tuple[object, str]] = [
    (lambda func, times: min(durations(func, times)), "looks like the shortest."),
    (lambda func, times: max(durations(func, times)), "looks like the longest."),
    (in_all, "looks like all of them together."),
    (lambda func, times: in_all(func, times) / times, "looks like the mean"),
    (lambda func, times: durations(func, times)[0], ""),  # as short as the shortest
    (lambda func, times: durations(func, times)[-1], "looks like the last."),
    (lambda func, times: durations(func, times)[times // 2], "statistics.median"),
    (without_the_worst, "Keep each duration in a list"),
    (once, "It was called 1 times"),
    (lambda func, times: how_fast.typical(func, 5), "It was called 5 times"),
    (lambda func, times: how_fast.typical(func, 9), "It was called 9 times"),
    (lambda func, times: how_fast.typical(func, times) / 1e6, "gives seconds"),
    (lambda func, times: how_fast.typical(func, times) / 1e3, "gives seconds"),
    (lambda func, times: how_fast.typical(func, times) * 1e3, "gives seconds"),
    (lambda func, times: durations(func, times), "Return a number."),
    (lambda func, times: str(how_fast.typical(func, times)), "Return a number."),
    (lambda func, times: print(durations(func, times)), "It is None."),
    (lambda func, times: None, "It was called 0 times"),
    (lambda func, times: 30_000, "It was called 0 times"),
    (lambda func, times: statistics.median([]), "StatisticsError"),
    (lambda func, times: func() * times, "TypeError"),
    (for_ever, "it had not ended after"),
    (30_000, "median_us is no function"),
]


@pytest.mark.alike
@pytest.mark.parametrize(("answer", "said"), WRONG_MEDIANS, ids=itertools.count())
def test_something_else_is_no_median(answer: Median, said: str) -> None:
    assert_not_yet(how_fast.check_median(answer), "", said)


def sums(calls: list[Call]) -> dict[str, float]:
    return how_fast.by_name(calls)


def counted_by_hand(calls: list[Call]) -> str:
    names = {call.name for call in calls}
    return max(
        names, key=lambda name: sum(c.microseconds for c in calls if c.name == name)
    )


def in_groups(calls: list[Call]) -> str:
    calls.sort(key=lambda call: call.name)
    groups = itertools.groupby(calls, key=lambda call: call.name)
    took = [(sum(c.microseconds for c in group), name) for name, group in groups]
    return str(max(took)[1])


@pytest.mark.parametrize(
    "answer",
    [
        lambda calls: max(sums(calls), key=sums(calls).__getitem__),
        lambda calls: next(iter(how_fast.medians([sums(calls)]))),
        counted_by_hand,
        in_groups,
    ],
    ids=itertools.count(),
)
def test_the_longest_in_all_is_accepted(answer: Longest) -> None:
    assert how_fast.check_longest(answer).done


def one_by_one(calls: list[Call]) -> str:
    return max(calls, key=lambda call: call.microseconds).name


def next_to_each_other(calls: list[Call]) -> str:
    groups = itertools.groupby(calls, key=lambda call: call.name)
    took = [(sum(c.microseconds for c in group), name) for name, group in groups]
    return str(max(took)[1])


def on_average(calls: list[Call]) -> str:
    took: dict[str, list[float]] = {}
    for call in calls:
        took.setdefault(call.name, []).append(call.microseconds)
    return max(took, key=lambda name: statistics.mean(took[name]))


def most_often(calls: list[Call]) -> str:
    return Counter(call.name for call in calls).most_common(1)[0][0]


def not_there_yet(calls: list[Call]) -> str:
    found: dict[str, float] = {}
    for call in calls:
        found[call.name] += call.microseconds
    return max(found)


def stays(calls: list[Call]) -> str:
    while calls:
        pass
    return ""


WRONG_LONGEST: list[tuple[object, str]] = [
    (one_by_one, "It returns clone.  Five calls"),
    (next_to_each_other, "It returns clone.  Five calls"),
    (on_average, "It returns clone.  Five calls"),
    (most_often, "It returns mount."),
    (lambda calls: max(sums(calls)), "It returns mount."),
    (lambda calls: min(sums(calls), key=sums(calls).__getitem__), "It returns chdir"),
    (lambda calls: max(sums(calls).values()), "It returns 90.  Wanted is the name"),
    (lambda calls: max((v, k) for k, v in sums(calls).items()), "Wanted is the name"),
    (
        lambda calls: max(calls, key=lambda c: c.microseconds),
        "It returns the call clone",
    ),
    (sums, "Wanted is the name"),
    (lambda calls: "mount", "It returns mount."),
    (lambda calls: "clone", "It returns clone.  Five calls"),
    (lambda calls: None, "It returns None.  Wanted is the name"),
    (lambda calls: max(calls).name, "TypeError"),
    (lambda calls: calls[0].us, "'us'"),
    (not_there_yet, "not in the dictionary yet"),
    (stays, "it had not ended after"),
    ("mount", "longest is no function"),
]


@pytest.mark.parametrize(("answer", "said"), WRONG_LONGEST, ids=itertools.count())
def test_what_is_not_the_longest_in_all_is_refused(answer: Longest, said: str) -> None:
    assert_not_yet(how_fast.check_longest(answer), "", said)
