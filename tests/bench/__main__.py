"""The benchmark: how fast a container starts, beside every other way to start one.

    python -m tests.bench [ROUNDS [RESULTS]]        or: make bench ROUNDS=100

As root it measures as root and as an ordinary user; all others as themselves.  It
leaves results.json, .txt, .png, and .md for README.md, in RESULTS.  The picture belongs
to notebooks/images/how-fast.png then.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cfslib.isolation import mounts
from cfslib.isolation.cgroups import hierarchies
from cfslib.isolation.mounts import UmountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from tests.bench import box, measure, readme, report, scales, today
from tests.bench.ways import TOP

AS_USER = [sys.executable, str(TOP / "tests/as_user.py")]
ROUNDS = "100"
ROOTS = ("mounts", "images")  # only root can, or the peers want to be
PARTS = [part for part in measure.PARTS if part != "first"]  # which `fresh` starts


def main(argv: list[str]) -> None:
    """Measure everything, print it, keep it."""
    rounds, results = (*argv, *(ROUNDS, str(TOP / "tests/bench/results"))[len(argv) :])
    users = {"root": [], "user": AS_USER} if os.geteuid() == 0 else {"user": []}
    if os.geteuid() == 0:
        _be_a_machine_that_crun_accepts()
    data: dict[str, Any] = {"machine": _machine(rounds)}
    with tempfile.TemporaryDirectory(prefix="cfs-bench-") as directory:
        box.build(Path(directory))
        data["machine"]["today"] = today.check_out(Path(directory))
        with scales.opened(Path(directory)):
            for name, before in users.items():
                parts = [p for p in PARTS if name == "root" or p not in ROOTS]
                data[name] = {
                    part: _measured(name, before, part, directory, rounds)
                    for part in parts
                }
    _keep(data, Path(results))


def _measured(name: str, before: list[str], part: str, things: str, rounds: str) -> Any:
    print(f"measuring as {name}: {part}", file=sys.stderr)
    words = [*before, sys.executable, "-m", "tests.bench.measure", part, things, rounds]
    env = {**os.environ, "PYTHONPATH": str(TOP)}
    return json.loads(subprocess.check_output(words, cwd=TOP, env=env))


def _keep(data: dict[str, Any], results: Path) -> None:
    text = report.text(data)
    results.mkdir(parents=True, exist_ok=True)
    (results / "results.json").write_text(json.dumps(data) + "\n")
    (results / "results.txt").write_text(text)
    (results / "results.md").write_text(readme.for_readme(data))
    print(text)
    try:
        from tests.bench import plot
    except ModuleNotFoundError:
        print("No plot: matplotlib is not installed.  `make bench` installs it.")
    else:
        plot.draw(data, results / "results.png")
    print(f"All of it is in {results}")


def _machine(rounds: str) -> dict[str, str]:
    return {
        "date": time.strftime("%Y-%m-%d"),
        "kernel": platform.release().partition("-")[0],
        "processors": str(len(os.sched_getaffinity(0))),
        "cgroups": hierarchies.version(),
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "rounds": rounds,
    }


def _be_a_machine_that_crun_accepts() -> None:
    """Hide the cgroup v2 tree of a machine that has v1 too, in our mount namespace.

    crun refuses to run if such a tree has a controller, whichever one is used.
    """
    groups = [mount for mount in procfs.mounts() if mount.fstype.startswith("cgroup")]
    if len({mount.fstype for mount in groups}) < 2:
        return
    syscalls.unshare(Namespace.MNT)
    mounts.keep_private()
    for mount in groups:
        if mount.fstype == "cgroup2":
            syscalls.umount2(mount.target, UmountFlag.DETACH)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except box.Missing as missing:
        sys.exit(f"bench: needs {missing}")
