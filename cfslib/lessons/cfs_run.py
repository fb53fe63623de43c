"""lessons.cfs_run: the checks of notebook 05, and a fork bomb that ends by itself."""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons import Point, boxed, exercise, guard
from cfslib.runtime import ownership

# Forty processes at most, nine seconds each, and after three it is over in any case.
BOMB = [
    "timeout",
    "3",
    "sh",
    "-c",
    "i=0; while [ $i -lt 40 ]; do sleep 9 & i=$((i+1)); echo $i; done",
]

MARK = "of-the-root"  # a directory in the root of exercise 1
WRITTEN = "/written-by-the-check"
OUTSIDE = "cfs-outside"  # the source of a mount that the host has there
FEW, MORE = 6, 12  # processes, the limits of exercise 2
IN_THE_CHILD = (
    "The parent has to stay free: call join() in the child, first of all.  The limit "
    "would count the parent as well, and all in the group end with it."
)


def started(printed: str) -> int:
    """Return how many processes the bomb got, from what it printed."""
    return sum(line.isdecimal() for line in printed.splitlines())


@dataclass(frozen=True)
class View:
    """What a container saw after its root had changed."""

    arrived: bool = False
    sees_host: bool = True
    pids: tuple[str, ...] = ()
    has_null: bool = False
    wrote: bool = False


@exercise("05-cfs-run", 1)
def check_layer(change_root: Callable[[Path], object]) -> list[Point]:
    """Check exercise 1: a change of the root after which nothing written is kept."""
    with tempfile.TemporaryDirectory(prefix="cfs-lesson-") as directory:
        root, outside = Path(directory, "root"), Path(directory, "outside")
        for place in (outside, root / "proc", root / "dev", root / MARK):
            place.mkdir(parents=True)
        (root / "dev/null").touch()
        before = sorted(os.listdir(root))
        seen = _view_after(change_root, root, outside)
        kept = sorted(os.listdir(root)) != before
    return [
        Point(
            "a process gets into the new root",
            seen.arrived,
            "Take the steps of change_root, with `root` for the directory; one of them "
            "is to be replaced.",
        ),
        Point(
            "no path leads back to the host's files",
            seen.arrived and not seen.sees_host,
            "pivot_root swaps the roots, umount2 takes the old one away, and "
            'chdir("/") leaves it.',
        ),
        Point(
            "/proc shows the processes inside, and no others",
            seen.pids == ("1",),
            "Mount a new one below the root: after the layer, which would cover it, "
            "and before the host's is out of sight.",
        ),
        Point(
            "/dev/null is a device",
            seen.has_null,
            "Bind the host's to `root`/dev/null, as change_root does, after the layer.",
        ),
        Point(
            "the process can write to /",
            seen.wrote,
            "A layer takes what it writes; nothing has to be read-only.",
        ),
        Point(
            "what it wrote is gone afterwards, and the directory is as it was",
            seen.arrived and not kept,
            "rootfs.layer(root) covers a directory with a layer in memory.",
        ),
    ]


def _view_after(
    change_root: Callable[[Path], object], root: Path, outside: Path
) -> View:
    def box() -> View:
        idmaps.unshare_as_root(Namespace.UTS | Namespace.PID | Namespace.MNT)
        return in_child(inside)

    def inside() -> View:
        mounts.keep_private()
        syscalls.mount(OUTSIDE, outside, "tmpfs")
        change_root(root)
        return _look_around()

    return in_child(box)


def _look_around() -> View:
    if MARK not in os.listdir("/"):
        return View()  # this is the host: nothing may be written here
    pids: tuple[str, ...] = ()
    sources: set[str] = set()
    with suppress(OSError):  # there may be no /proc
        pids = tuple(name for name in os.listdir("/proc") if name.isdecimal())
        sources = {mount.source for mount in procfs.mounts()}
    wrote = False
    with suppress(OSError):
        Path(WRITTEN).touch()
        wrote = True
    has_null = Path("/dev/null").is_char_device()
    return View(True, OUTSIDE in sources or _walks_out(), pids, has_null, wrote)


def _walks_out() -> bool:
    """Try the way out of a chroot: move the root below us, and walk up past it."""
    os.chroot(f"/{MARK}")
    for _ in range(64):
        os.chdir("..")
    return MARK not in os.listdir(".")


@exercise("05-cfs-run", 2)
def check_limited(limited: Callable[[Sequence[str], int], int]) -> list[Point]:
    """Check exercise 2: a container with a limit on its processes."""
    try:
        code, said = _heard(lambda: limited(["sh", "-c", "exit 7"], 10))
        _, pid = _heard(lambda: limited(["sh", "-c", "echo $$"], 10))
        few, more = (_most_under(limited, limit) for limit in (FEW, MORE))
    except (guard.Stumbled, ChildProcessError) as error:
        if getattr(error, "kind", "BlockingIOError") != "BlockingIOError":
            raise
        return [Point("the side that waits is under no limit", False, IN_THE_CHILD)]
    return [
        Point(
            "the program runs, and its exit code comes back",
            code == 7,
            _why(code, said),
        ),
        Point(
            "it is PID 1 inside",
            pid.split() == ["1"],
            "Take the steps of `run`, with become(argv) in the child.",
        ),
        Point(
            f"with a limit of {FEW} there are never more than {FEW} processes",
            2 < few <= FEW,
            "The child calls join(), with its parentheses, before become(argv).  The "
            "limit is `most` itself: pids_max counts PID 1, too.",
        ),
        Point(
            f"with a limit of {MORE} there are more, and never more than {MORE}",
            FEW < more <= MORE,
            "Pass the number on: Limits(pids_max=most).",
        ),
    ]


def _most_under(limited: Callable[[Sequence[str], int], int], limit: int) -> int:
    """Return how many processes the bomb had at a time, `timeout` and `sh` with it."""
    _, said = _heard(lambda: limited(BOMB, limit))
    return started(said) + 2


def _why(code: object, said: str) -> str:
    """Say what is wrong with an exit code that is not that of the program."""
    if code is None:
        return "Nothing comes back: return the exit code, as `run` does."
    if code == 7 << 8:
        return "This is a wait status; os.waitstatus_to_exitcode makes it a code."
    if code == 125:
        told = f"  It printed: {said.strip()}" if said.strip() else ""
        return (
            "125 means that a step failed in the child.  With `except Exception as "
            f"error: print(repr(error))` there it says which.{told}"
        )
    return f"It was {code!r}, not 7: do all that `run` does, to its last line."


def _heard(func: Callable[[], object]) -> tuple[object, str]:
    """Call `func` in a child; return its result and what was printed meanwhile."""

    def catch() -> tuple[object, str]:
        syscalls.prctl(Prctl.SET_CHILD_SUBREAPER, 1)
        _shield_the_host()
        with tempfile.TemporaryFile() as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
            try:
                result = func()
            finally:
                boxed.end_what_is_left()
            sys.stdout.flush()
            file.seek(0)
            return result, file.read().decode(errors="replace")

    return in_child(catch)


def _shield_the_host() -> None:
    """Let an answer that forgets to unshare change our root, and not the host's."""
    if ownership.may_do_it_alone():
        syscalls.unshare(Namespace.MNT | Namespace.UTS)
        mounts.keep_private()
