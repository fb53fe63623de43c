"""lessons.cfs_run: the checks of notebook 05, and a fork bomb that ends by itself."""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from cfslib.lessons import Point, verdict

# Forty processes at most, nine seconds each, and after three it is over in any case.
BOMB = [
    "timeout",
    "3",
    "sh",
    "-c",
    "i=0; while [ $i -lt 40 ]; do sleep 9 & i=$((i+1)); echo $i; done",
]


def started(printed: str) -> int:
    """Return how many processes the bomb got, from what it printed."""
    return sum(line.isdecimal() for line in printed.splitlines())


@dataclass(frozen=True)
class View:
    """What a container saw after its root had changed."""

    names: list[str]
    mounts: set[str]
    pids: list[str]
    wrote: bool
    escaped: bool


def check_layer(change_root: Callable[[Path], object]) -> None:
    """Check exercise 1: a change of the root after which nothing written is kept."""
    with tempfile.TemporaryDirectory(prefix="cfs-lesson-") as directory:
        root = Path(directory)
        for name in ("proc", "dev", "of-the-root"):
            (root / name).mkdir()
        (root / "dev/null").touch()
        view = _view_after(change_root, root)
        kept = (root / "written").exists()
    seen = view or View([], set(), [], wrote=False, escaped=True)
    verdict(
        Point(
            "a process gets into the new root",
            "of-the-root" in seen.names,
            "Take the steps of change_root, and replace the one that binds.",
        ),
        Point(
            "the host's files and mounts are out of reach",
            seen.mounts <= {"/", "/proc", "/dev/null"} and not seen.escaped,
            "pivot_root swaps the roots; umount2 takes the old one away.",
        ),
        Point(
            "/proc shows the processes inside, and no others",
            seen.pids == ["1"],
            "Mount it while the host's is still in sight.",
        ),
        Point(
            "the process can write to /", seen.wrote, "A layer takes what it writes."
        ),
        Point(
            "what it wrote is gone afterwards",
            bool(view) and not kept,
            "rootfs.layer(root) covers a directory with a layer in memory.",
        ),
        of=("05-cfs-run", 1),
    )


def check_limited(limited: Callable[[Sequence[str], int], int]) -> None:
    """Check exercise 2: a container with a limit on its processes."""
    code, _ = _heard(lambda: limited(["sh", "-c", "exit 7"], 10))
    _, pid = _heard(lambda: limited(["sh", "-c", "echo $$"], 10))
    _, with_few = _heard(lambda: limited(BOMB, 6))
    _, with_more = _heard(lambda: limited(BOMB, 12))
    few, more = started(with_few), started(with_more)
    verdict(
        Point(
            "the program runs, and its exit code comes back",
            code == 7,
            "Keep all that `run` does, its result too.",
        ),
        Point("it is PID 1 inside", pid.split() == ["1"], "Keep all that `run` does."),
        Point(
            "with a limit of 6, the bomb gets fewer than 6 more",
            0 < few < 6,
            "PID 1 puts itself under the limit, before it becomes the program.",
        ),
        Point(
            "with a limit of 12 it gets more than with 6, and fewer than 12",
            few < more < 12,
            "Pass the number on: Limits(pids_max=most).",
        ),
        of=("05-cfs-run", 2),
    )


def _heard(func: Callable[[], object]) -> tuple[object, str]:
    """Call `func` in a child; return its result and what was printed meanwhile."""

    def catch() -> tuple[object, str]:
        with tempfile.TemporaryFile() as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
            try:
                result = func()
            except Exception:  # a learner's function may raise anything
                result = None
            sys.stdout.flush()
            file.seek(0)
            return result, file.read().decode(errors="replace")

    return in_child(catch)


def _view_after(change_root: Callable[[Path], object], root: Path) -> View | None:
    def outside() -> View:
        idmaps.unshare_as_root(Namespace.UTS | Namespace.PID | Namespace.MNT)
        return in_child(inside)

    def inside() -> View:
        mounts.keep_private()
        change_root(root)
        return _look_around()

    try:
        return in_child(outside)
    except Exception as error:  # a learner's function may raise anything
        print(error)
        return None


def _look_around() -> View:
    pids = [name for name in os.listdir("/proc") if name.isdecimal()]
    targets = {mount.target for mount in procfs.mounts()} if pids else set()
    try:
        Path("/written").touch()
        wrote = True
    except OSError:
        wrote = False
    return View(os.listdir("/"), targets, pids, wrote, _walks_out())


def _walks_out() -> bool:
    """Try the way out of a chroot: move the root below us, and walk up past it."""
    os.chroot("/dev")
    for _ in range(64):
        os.chdir("..")
    return "of-the-root" not in os.listdir(".")
