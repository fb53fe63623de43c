"""measure: one part of the benchmark, in a process that is like a notebook's kernel.

    python -m tests.bench.measure PART THINGS ROUNDS

Prints what it measured as JSON.  `__main__` starts it for each part, as root and as an
ordinary user, so that no part meets what another has left behind.
"""

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from cfslib.isolation import mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.bench import costs, crowd, images, lives, situations, size, starts, told
from tests.bench.box import Box

HEAP = 100  # MB
THREADS = 4
PARTS: dict[str, Callable[[Box, int], object]] = {
    "peers": told.told,
    "boxes": starts.boxes,
    "situations": situations.situations,
    "subcommands": situations.subcommands,
    "lives": lives.lives,
    "images": images.images,
    "flight": starts.flight,
    "alive": crowd.alive,
    "around one": crowd.around_one,
    "mounts": starts.many_mounts,
    "child": starts.child,
    "fresh": starts.fresh,
    "first": starts.first,
    "imports": costs.imports,
    "instructions": costs.instructions,
    "lines": size.lines,
}


def main(argv: list[str]) -> None:
    """Measure one part and print it."""
    part, things, rounds = argv
    measure = PARTS[part]
    if part == "mounts":  # while we have one thread: with more, unshare would fail
        _stay_out_of_sight()
    heap = _become_a_notebook() if part != "fresh" else []
    print(json.dumps(measure(Box(Path(things)), int(rounds))))
    del heap


def _become_a_notebook() -> list[bytes]:
    """Have threads and a heap, which make it slow to fork; return the heap to keep."""
    for _ in range(THREADS):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    # Many small objects, as programs have them; each takes about 100 bytes in all.
    return [bytes(64) for _ in range(HEAP * 10_000)]


def _stay_out_of_sight() -> None:
    """Take a mount namespace of our own, so that the host sees none of our mounts."""
    syscalls.unshare(Namespace.MNT)
    mounts.keep_private()


if __name__ == "__main__":
    main(sys.argv[1:])
