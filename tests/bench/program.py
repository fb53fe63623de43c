"""program: a single-threaded Python program that makes containers when asked.

    python -m tests.bench.program THINGS COMMAND NETWORK LIMITED NAMED

For each line on standard input it makes one, and prints when it began and when all was
over, in nanoseconds.
"""

import sys
import time
from pathlib import Path

from cfslib.runtime import container
from tests.bench.box import Box


def main(argv: list[str]) -> None:
    """Make a container for every line."""
    things, command, *flags = argv
    spec = Box(Path(things), command, *(flag == "1" for flag in flags)).spec()
    for _ in sys.stdin:
        began = time.perf_counter_ns()
        code = container.run(spec)
        ended = time.perf_counter_ns()
        if code != 0:
            sys.exit(f"exit code {code}")
        print(began, ended, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
