"""starts: how long a start takes, in the situations that may matter."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.isolation import mounts
from cfslib.kernel import libc, syscalls
from tests.bench import commands, trials, ways
from tests.bench.bars import IN_A_ROW, UNTIL_IT_RUNS
from tests.bench.box import Box
from tests.bench.rounds import PAUSE, WARM_UP, Times, fewer, per_second, timed
from tests.bench.way import Way

IN_FLIGHT = (1, 2, 8)
TURNS = 3
MOUNTS = (0, 1000)


def boxes(box: Box, rounds: int) -> dict[str, Times]:
    """Time all ways with the defaults and with other commands, ours in more boxes."""
    kinds = {
        UNTIL_IT_RUNS: replace(box, command="now"),
        "three instructions": replace(box, command="nothing"),
    }
    more = {
        "network": replace(box, network=True),
        "no limit": replace(box, limited=False),
        "a volume": replace(box, volume=True),
        "the rootfs of everyday tools": replace(box, named=False),
    }
    with trials.all_ways(box) as all_ways:
        times = {"default": timed([*all_ways, commands.python()], rounds)}
    for name, kind in kinds.items():
        with trials.all_ways(kind) as all_ways:
            times[name] = timed(all_ways, fewer(rounds))
    return times | {name: timed(ways.ours(more[name]), rounds) for name in more}


def flight(box: Box, rounds: int) -> dict[str, dict[int, list[float]]]:
    """Count containers a second, with several on their way at once; none: it fails.

    Each way has its turn three times.
    """
    with trials.all_ways(box) as every:
        all_ways = [way for way in every if not way.makes_two]
        rates: dict[str, dict[int, list[float]]] = {
            way.name: {number: [] for number in IN_FLIGHT} for way in all_ways
        }
        for _ in range(TURNS):
            for way in all_ways:
                for number in IN_FLIGHT:
                    rates[way.name][number] += _at_once(way, number, rounds // TURNS)
    return rates


def _at_once(way: Way, number: int, count: int) -> list[float]:
    try:
        return [per_second(way, number, count)]
    except ChildProcessError:
        return []


def many_mounts(box: Box, rounds: int) -> dict[int, Times]:
    """Time starts on a host with some mounts more.  `main` has hidden them from it."""
    results: dict[int, Times] = {}
    place = Path(tempfile.mkdtemp(prefix="cfs-bench-"))
    try:
        with mounts.mounted("tmpfs", place, "tmpfs"):
            for number in MOUNTS:
                for count in range(len(list(place.iterdir())), number):
                    (place / str(count)).mkdir()
                    syscalls.mount("tmpfs", place / str(count), "tmpfs")
                with trials.all_ways(box) as all_ways:
                    results[number] = timed(all_ways, fewer(rounds))
    finally:
        place.rmdir()
    return results


def child(_box: Box, rounds: int) -> Times:
    """Time the smallest thing that a notebook asks of the fork server, and a fork."""

    def ask() -> None:
        in_child(lambda: None)

    def fork() -> None:
        if (pid := libc.clone(0)) == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    return {
        IN_A_ROW: _calls(ask, rounds),
        "after a pause": _calls(ask, rounds, PAUSE),
        "a fork of the notebook instead": _calls(fork, rounds),
    }


def _calls(func: Callable[[], None], rounds: int, pause: float = 0) -> list[int]:
    times = []
    for _ in range(rounds + WARM_UP):
        time.sleep(pause)
        started = time.perf_counter_ns()
        func()
        times.append(time.perf_counter_ns() - started)
    return times[WARM_UP:]


def fresh(box: Box, rounds: int) -> list[list[int]]:
    """Time the first containers of some fresh kernels, one after the other."""
    words = [sys.executable, "-m", "tests.bench.measure", "first", str(box.things), "6"]
    kernels = max(2, rounds // 20)
    return [json.loads(subprocess.check_output(words)) for _ in range(kernels)]


def first(box: Box, rounds: int) -> list[int]:
    """Time the first containers of this process, none left out."""
    with ways.ours(box)[1].opened() as start:
        return [start() for _ in range(rounds)]
