"""images: how long it takes to load one, to start from it, and to build another.

Beside umoci, podman and buildah, as root.  Whoever loads or builds has a store of his
own, new for each turn where it is to be empty.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cfslib.isolation.mounts import UmountFlag
from cfslib.kernel import procfs, syscalls
from tests.bench import handmade
from tests.bench.box import Box
from tests.bench.builds import BUILD, BUILDAH, BUILDAH_CACHED, CACHED, builds, engine
from tests.bench.commands import installed, run
from tests.bench.rounds import timed
from tests.bench.way import Start, Way

LOAD, AGAIN, UMOCI, PODMAN = "cfs image load", "the same again", "umoci", "podman pull"
FROM_LAYERS, FROM_ROOTFS = "cfs run, of 20 layers", "cfs run, of a rootfs"
FILES_A_ROUND = 20  # in 100 rounds, a tenth of an image of 450 MB
OURS = (LOAD, AGAIN, FROM_LAYERS, FROM_ROOTFS, BUILD, CACHED)
PEERS = (UMOCI, PODMAN, BUILDAH, BUILDAH_CACHED)
# A process has the peak of the one that it was forked from, so a small one asks.
WEIGH = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""


def images(box: Box, rounds: int) -> dict[str, Any]:
    """Time all of it, few times, because it takes long."""
    few = max(2, rounds // 50)
    with _place() as place:
        env = {**os.environ, "XDG_DATA_HOME": str(place / "store")}
        large = handmade.large(place / "large", FILES_A_ROUND * rounds)
        twenty, base = (handmade.small(place / str(n), n) for n in (20, 1))
        for image, named in ((large, "large"), (twenty, "twenty"), (base, "base")):
            run([*installed(), "image", "load", str(image), f"{named}:1"], env)
        loads, missing = _there(_loads(place, large))
        starts = [
            Way(FROM_LAYERS, lambda: _run_with(["--image", "twenty:1"], env)),
            Way(FROM_ROOTFS, lambda: _run_with(["--rootfs", str(box.rootfs)], env)),
        ]
        build, without = _there(builds(place, base, env))
        times = timed(loads, few, 0) | timed(starts, rounds) | timed(build, few, 1)
        return {
            "times": times,
            "missing": missing | without,
            "load KB": _peak(large, {**env, "XDG_DATA_HOME": str(place / "weighed")}),
        }


def _there(ways: Sequence[Way]) -> tuple[list[Way], dict[str, str]]:
    """Return the ways that work here, and why the others do not."""
    missing = {}
    for way in ways:
        if way.may_fail:
            try:
                with way.opened() as start:
                    start()
            except (ChildProcessError, FileNotFoundError) as error:
                missing[way.name] = f"does not work here: {error}"
    return [way for way in ways if way.name not in missing], missing


def _loads(place: Path, image: Path) -> list[Way]:
    def ours(turn: Path) -> int:
        env = {**os.environ, "XDG_DATA_HOME": str(turn)}
        return run([*installed(), "image", "load", str(image), "new:1"], env)

    def umoci(turn: Path) -> int:
        source = f"{image}:{handmade.TAG}"
        return run(["umoci", "unpack", "--image", source, str(turn / "bundle")])

    def podman(turn: Path) -> int:
        return run([*engine("podman", turn), "pull", f"oci:{image}:{handmade.TAG}"])

    def again(_turn: Path) -> int:
        env = {**os.environ, "XDG_DATA_HOME": str(place / "store")}
        return run([*installed(), "image", "load", str(image), "large:1"], env)

    return [
        Way(LOAD, lambda: _in_a_new_place(place, ours)),
        Way(AGAIN, lambda: _in_a_new_place(place, again)),
        Way(UMOCI, lambda: _in_a_new_place(place, umoci), may_fail=True),
        Way(PODMAN, lambda: _in_a_new_place(place, podman), may_fail=True),
    ]


@contextmanager
def _in_a_new_place(place: Path, do: Any) -> Generator[Start]:
    def start() -> int:
        turn = Path(tempfile.mkdtemp(prefix="turn", dir=place))
        try:
            return int(do(turn))
        finally:
            _remove(turn)

    yield start


@contextmanager
def _place() -> Generator[Path]:
    place = Path(tempfile.mkdtemp(prefix="cfs-"))
    try:
        yield place
    finally:
        _remove(place)


def _remove(place: Path) -> None:
    """Remove a directory, and before that what engines have left mounted in it."""
    for mount in reversed(procfs.mounts()):
        if Path(mount.target).is_relative_to(place):
            syscalls.umount2(mount.target, UmountFlag.DETACH)
    shutil.rmtree(place)


@contextmanager
def _run_with(options: Sequence[str], env: dict[str, str]) -> Generator[Start]:
    yield lambda: run([*installed(), "run", *options, "true"], env)


def _peak(image: Path, env: dict[str, str]) -> int:
    """Return the most memory that loading an image has taken, in KB."""
    words = [*installed(), "image", "load", str(image), "weighed:1"]
    said = subprocess.check_output([sys.executable, "-c", WEIGH, *words], env=env)
    return int(said)
