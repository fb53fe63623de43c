"""crowd: many containers alive at the same time, and what they weigh."""

import os
import signal
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime.run import capture
from tests.bench import processes, scales, trials, ways
from tests.bench.box import Box
from tests.bench.rounds import fewer, timed
from tests.bench.way import Start

ALIVE = (1, 100, 500)


def alive(box: Box, rounds: int) -> dict[int, dict[str, object]]:
    """Time a start, and weigh the helpers, with many containers alive."""
    results: dict[int, dict[str, object]] = {}
    quick = ALIVE if rounds >= 10 else ALIVE[:1]
    _make_the_first(box)
    with (
        trials.all_ways(box) as all_ways,
        ThreadPoolExecutor(max(quick)) as pool,
        _sleeping(box, pool) as grow_to,
    ):
        for number in quick:
            inits = grow_to(number)
            commands = {pid for pid, _ in processes.running(_sleep())}
            helpers = processes.descendants() - commands
            results[number] = {
                "init KB": scales.weigh(box.things, inits),
                "all KB": scales.weigh(box.things, helpers),
                "times": timed(all_ways, fewer(rounds)),
            }
    return results


def around_one(box: Box, _rounds: int) -> dict[str, list[int | None]]:
    """Weigh every process that one running container takes, but for the command's."""
    syscalls.prctl(Prctl.SET_CHILD_SUBREAPER, 1)  # conmon leaves podman, not us
    weights: dict[str, list[int | None]] = {}
    _make_the_first(box)
    with trials.all_ways(replace(box, command="pause")) as every, ExitStack() as stack:
        for way in [way for way in every if not way.makes_two]:
            before = processes.descendants()
            start = stack.enter_context(way.opened())
            with _one_alive(start) as commands:
                pids = processes.descendants() - before - commands
                if commands:  # else it failed
                    weights[way.name] = scales.weigh(box.things, sorted(pids))
    return weights


def _make_the_first(box: Box) -> None:
    """Make the containers that are like no later one: a helper has to start first."""
    for way in ways.ours(box):
        with way.opened() as start:
            start()


@contextmanager
def _one_alive(start: Start) -> Generator[set[int]]:
    """Keep a container alive for a `with` block; yield the pid of its command."""
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(start)
        commands: set[int] = set()
        while not commands and not ended.done():
            time.sleep(0.1)  # enough for all to be as it stays, too
            words = (["pause"], ["/bin/pause"])
            found = {pid for each in words for pid, _ in processes.running(each)}
            commands = found & processes.descendants()
        try:
            yield commands
        finally:
            for pid in commands:
                os.kill(pid, signal.SIGTERM)


@contextmanager
def _sleeping(
    box: Box, pool: ThreadPoolExecutor
) -> Generator[Callable[[int], list[int]]]:
    """Keep containers alive for a `with` block; yield what makes more of them."""
    spec = box.spec().changed(argv=_sleep())

    def grow_to(number: int) -> list[int]:
        for _ in range(number - len(processes.running(_sleep()))):
            pool.submit(capture, spec)
        while len(found := processes.running(_sleep())) < number:
            time.sleep(0.1)
        return [parent for _, parent in found]

    try:
        yield grow_to
    finally:
        for pid, _ in processes.running(_sleep()):
            os.kill(pid, signal.SIGKILL)


def _sleep() -> list[str]:
    return ["sleep", str(1_000_000 + os.getpid())]  # a number that only we sleep for
