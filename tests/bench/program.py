"""program: a single-threaded Python program that makes containers when asked.

    python -m tests.bench.program THINGS COMMAND NETWORK LIMITED NAMED VOLUME

For each line on standard input it makes one, and prints when it began and when all was
over, in nanoseconds.
"""

import sys
import time
from pathlib import Path

from cfslib.runtime.run import run
from tests.bench.box import Box


def main(argv: list[str]) -> None:
    """Make a container for every line."""
    things, command, *flags = argv
    network, limited, named, volume = (flag == "1" for flag in flags)
    spec = Box(Path(things), command, network, limited, named, volume).spec()
    for _ in sys.stdin:
        began = time.perf_counter_ns()
        code = run(spec)
        ended = time.perf_counter_ns()
        if code != 0:
            sys.exit(f"exit code {code}")
        print(began, ended, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
