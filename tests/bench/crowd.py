"""crowd: many containers alive at the same time, and what they weigh.

The proportional set size (PSS) of a process counts a page that several share by the
part each has in it; see smaps_rollup in proc(5).
"""

import os
import signal
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cfslib import container
from tests.bench import processes, ways
from tests.bench.box import Box
from tests.bench.rounds import timed

ALIVE = (1, 100, 500)


def alive(box: Box, rounds: int) -> dict[int, dict[str, object]]:
    """Time a start, and weigh the helpers, with many containers alive."""
    results: dict[int, dict[str, object]] = {}
    quick = ALIVE if rounds >= 10 else ALIVE[:1]
    with ThreadPoolExecutor(max(quick)) as pool, _sleeping(box, pool) as grow_to:
        for number in quick:
            inits = grow_to(number)
            commands = {pid for pid, _ in processes.running(_sleep())}
            helpers = processes.descendants() - commands
            results[number] = {
                "times": timed(ways.ours(box)[:2], rounds),
                "init KB": [kb for pid in inits if (kb := pss(pid)) is not None],
                "all KB": sum(pss(pid) or 0 for pid in helpers),
                "processes": len(helpers),
            }
    return results


@contextmanager
def _sleeping(
    box: Box, pool: ThreadPoolExecutor
) -> Generator[Callable[[int], list[int]]]:
    """Keep containers alive for a `with` block; yield what makes more of them."""
    spec = replace(box.spec(), argv=_sleep())

    def grow_to(number: int) -> list[int]:
        for _ in range(number - len(processes.running(_sleep()))):
            pool.submit(container.capture, spec)
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


def pss(pid: int) -> int | None:
    """Return the PSS of a process in KB, or None if we may not know."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (PermissionError, ProcessLookupError, FileNotFoundError):
        return None
    return int(text.partition("\nPss:")[2].split()[0])
