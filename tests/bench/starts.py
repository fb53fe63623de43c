"""starts: how long a start takes, in the situations that may matter."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from cfslib import mounts, syscalls
from cfslib.children import in_child
from tests.bench import trials, ways
from tests.bench.box import Box
from tests.bench.rounds import Times, per_second, timed

IN_FLIGHT = (1, 2, 8)
MOUNTS = (0, 1000)


def boxes(box: Box, rounds: int) -> dict[str, Times]:
    """Time all ways and peers with the defaults, and ours in other boxes too."""
    kinds = {
        "three instructions": replace(box, command="nothing"),
        "network": replace(box, network=True),
        "no limit": replace(box, limited=False),
    }
    with trials.found(box) as found:
        others = [peer.way() for peer in found if not peer.missing]
        times = {"default": timed([*ways.ours(box), ways.python(), *others], rounds)}
    return times | {name: timed(ways.ours(kinds[name]), rounds) for name in kinds}


def flight(box: Box, rounds: int) -> dict[str, dict[int, float | None]]:
    """Count containers a second, with several on their way at once; None: it fails."""
    with trials.found(box) as found:
        some = [*ways.ours(box), *(each.way() for each in found if not each.missing)]
        return {
            way.name: {number: _at_once(way, number, rounds) for number in IN_FLIGHT}
            for way in some
        }


def _at_once(way: ways.Way, number: int, rounds: int) -> float | None:
    try:
        return per_second(way, number, rounds)
    except ChildProcessError:
        return None


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
                results[number] = timed(ways.ours(box), rounds)
    finally:
        place.rmdir()
    return results


def child(_box: Box, rounds: int) -> list[int]:
    """Time the smallest thing that a notebook asks of the fork server."""
    times = []
    for _ in range(rounds + 3):
        started = time.perf_counter_ns()
        in_child(lambda: None)
        times.append(time.perf_counter_ns() - started)
    return times[3:]


def fresh(box: Box, rounds: int) -> list[list[int]]:
    """Time the first containers of some fresh kernels, one after the other."""
    words = [sys.executable, "-m", "tests.bench.measure", "first", str(box.things), "6"]
    kernels = max(2, rounds // 20)
    return [json.loads(subprocess.check_output(words)) for _ in range(kernels)]


def first(box: Box, rounds: int) -> list[int]:
    """Time the first containers of this process, none left out."""
    with ways.ours(box)[1].opened() as start:
        return [start() for _ in range(rounds)]
