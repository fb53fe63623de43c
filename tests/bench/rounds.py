"""rounds: time several ways side by side.

A machine has faster and slower seconds.  So in a round each way has one turn, in an
order drawn anew, and ways are compared within a round: the ratio of two ways is the
median of the ratios of all rounds.
"""

import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.bench.way import Start, Way

Times = dict[str, list[int]]  # name of a way: nanoseconds, round by round
SEED = 20  # the same order in every run
WARM_UP = 3
PAUSE = 0.01  # seconds, for what a way still does when its time is over


def timed(ways: Sequence[Way], rounds: int, warm_up: int = WARM_UP) -> Times:
    """Time each way once in every round; leave out a peer that fails."""
    times: Times = {way.name: [] for way in ways}
    order = random.Random(SEED)
    with ExitStack() as stack:
        starts = [(way, stack.enter_context(way.opened())) for way in ways]
        for number in range(rounds + warm_up):
            for way, start in order.sample(starts, len(starts)):
                time.sleep(PAUSE)
                try:
                    took = start() if way.name in times else 0
                except ChildProcessError as error:
                    if not way.may_fail:
                        raise
                    print(f"left out: {error}", file=sys.stderr)
                    del times[way.name]
                    continue
                if number >= warm_up and way.name in times:
                    times[way.name].append(took)
    return times


def fewer(rounds: int) -> int:
    """Return how many rounds are enough where the slow ways take most of the time."""
    return max(2, rounds // 2)


def ratio(times: Times, way: str, to: str) -> float:
    """Say how many times as long one way takes as another, in the same round."""
    pairs = zip(times[way], times[to], strict=True)
    return statistics.median(mine / other for mine, other in pairs)


def quantile(values: Sequence[float], tenths: int) -> float:
    """Return the value that so many tenths of all are below: 5 is the median."""
    return sorted(values)[min(len(values) - 1, len(values) * tenths // 10)]


def per_second(way: Way, in_flight: int, count: int) -> float:
    """Say how many containers end in a second if so many are always on their way."""
    with ExitStack() as stack:
        starts = [stack.enter_context(way.opened()) for _ in range(in_flight)]
        pool = stack.enter_context(ThreadPoolExecutor(in_flight))
        _all_ended(pool, starts, in_flight)  # warms up
        began = time.monotonic()
        ended = _all_ended(pool, starts, max(count, in_flight))
        return ended / (time.monotonic() - began)


def _all_ended(pool: ThreadPoolExecutor, starts: Sequence[Start], count: int) -> int:
    left = iter(range(count))
    return sum(pool.map(lambda start: _as_many_as_are_left(start, left), starts))


def _as_many_as_are_left(start: Start, left: Iterator[int]) -> int:
    return sum(1 for _ in left if start())
