"""Press containers against their limits, and keep what happened, for those who cannot.

    python tests/record_limits.py

It takes a user who may limit memory: root, or one with a delegated cgroup.
"""

import dataclasses
import json

from cfslib.observe import pressure

LIMITS = {"pids.max": 20, "memory.max": 64 << 20}


def record() -> None:
    """Run both loads and write the recording that is shipped."""
    runs = {}
    for setting, limit in LIMITS.items():
        run = pressure.press(pressure.LOADS[setting], limit, lambda _: None)
        runs[setting] = dataclasses.asdict(run)
    pressure.RECORD.write_text(json.dumps(runs) + "\n")


if __name__ == "__main__":
    record()
