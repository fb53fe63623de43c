"""Record what the experiments of 07-cgroups print, for those who may make no groups.

    python tests/record_groups.py [--loads]

As root, on a machine with cgroup v2: with v1 only those that v1 can do are made anew.
With --loads, the three loads of the view too.
"""

import json
import sys
from pathlib import Path
from typing import Any

import nbformat

sys.path.insert(0, str(Path(__file__).parent.parent))

from cfslib.lessons import workbench
from cfslib.lessons.workbench import Experiment
from cfslib.observe import groups
from cfslib.observe.groups import Frame
from cfslib.views import bench

NOTEBOOK = Path(__file__).parents[1] / "notebooks/07-cgroups.ipynb"


def printed() -> dict[str, str]:
    """Make the experiments that can be made here; return what each one prints."""
    found: dict[str, str] = {}

    def try_out(experiment: Experiment, version: int = 0) -> None:
        outcome = workbench.attempt(experiment, version)
        if not outcome.why_recorded:
            found[experiment.__name__] = outcome.text

    names: dict[str, Any] = {"Path": Path}  # which the first cell imports
    usual, bench.try_out = bench.try_out, try_out  # type: ignore[assignment]
    try:
        for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
            if cell.cell_type == "code" and _is_needed(cell.source):
                exec(cell.source, names)
    finally:
        bench.try_out = usual
    return found


def _is_needed(source: str) -> bool:
    """Say if a cell makes an experiment, or defines what those need."""
    return "try_out(" in source or any(
        f"def {name}(" in source for name in ("join", "sleeper", "touch")
    )


def main() -> None:
    """Write both records."""
    kept = json.loads(workbench.RECORD.read_text()) if workbench.RECORD.exists() else {}
    both = sorted((kept | printed()).items())
    workbench.RECORD.write_text(json.dumps(dict(both), indent=1) + "\n")
    if "--loads" in sys.argv:
        frames: list[Frame] = []
        limits = {load.name: load.limit for load in groups.LOADS}
        groups.Loads().run(limits, limits, frames.append)
        groups.RECORD.write_text(groups.as_record(frames) + "\n")


if __name__ == "__main__":
    main()
