"""lives: containers that go on: how long until one runs, and how long to get into it.

The command that goes on waits for SIGTERM, and the one that is run in it is `true`.
Beside us podman, and runc for the second: what runc leaves running nobody looks after.
"""

import itertools
import os
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from cfslib.runtime import ownership
from tests.bench import trials
from tests.bench.box import Box
from tests.bench.commands import installed
from tests.bench.rounds import timed
from tests.bench.trials import Found
from tests.bench.way import Start, Way, check

RUN, EXEC = "cfs run -d", "cfs exec"
PODMAN_RUN, PODMAN_EXEC, RUNC_EXEC = "podman run -d", "podman exec", "runc exec"
Words = Sequence[str]  # in which NAME stands for the name of the container


@dataclass(frozen=True)
class Kept:
    """How a container that goes on is started, entered and taken away."""

    run: Words
    enter: Words
    remove: Words
    env: Mapping[str, str]


def lives(box: Box, rounds: int) -> dict[str, Any]:
    """Time both, in the same rounds; say which peers are not there, and why."""
    box = replace(box, command="pause")
    with tempfile.TemporaryDirectory() as place, trials.found(box) as found:
        here = {each.peer.name: each for each in found}
        podman, runc = _podman(box, here["podman"]), _runc(box, here["runc"])
        ours = _ours(box, place)
        ways = [
            Way(RUN, lambda: _started(ours)),
            Way(EXEC, lambda: _entered(ours)),
            Way(PODMAN_RUN, lambda: _started(podman), may_fail=True),
            Way(PODMAN_EXEC, lambda: _entered(podman), may_fail=True),
            Way(RUNC_EXEC, lambda: _entered(runc), may_fail=True),
        ]
        missing = dict(_missing(here, podman, runc))
        there = [way for way in ways if way.name.partition(" ")[0] not in missing]
        return {"times": timed(there, max(2, rounds // 5)), "missing": missing}


def _ours(box: Box, place: str) -> Kept:
    cfs = installed()
    where = {"XDG_RUNTIME_DIR": place, "CFS_ROOTFS": str(box.rootfs)}
    return Kept(
        [*cfs, "run", "-d", "--name", "NAME", box.command],
        [*cfs, "exec", "NAME", "true"],
        [*cfs, "rm", "-f", "NAME"],
        {**os.environ, **where},
    )


def _podman(box: Box, found: Found) -> Kept:
    words = found.peer.words(box, found.own, ownership.may_do_it_alone())
    at = words.index("run")
    podman, options = words[:at], [word for word in words[at + 1 :] if word != "--rm"]
    return Kept(
        [*podman, "run", "--detach", "--name", "NAME", *options],
        [*podman, "exec", "NAME", "/bin/true"],
        [*podman, "rm", "--force", "--time", "0", "NAME"],
        trials.environment(found.own),
    )


def _runc(box: Box, found: Found) -> Kept:
    runc = ["runc", "--root", str(found.own / "state")]
    if not found.missing:
        found.peer.words(box, found.own, ownership.may_do_it_alone())  # writes a bundle
    return Kept(
        [*runc, "run", "--detach", "--bundle", str(found.own), "NAME"],
        [*runc, "exec", "NAME", "/bin/true"],
        [*runc, "delete", "--force", "NAME"],
        trials.environment(found.own),
    )


def _missing(
    here: Mapping[str, Found], podman: Kept, runc: Kept
) -> Iterator[tuple[str, str]]:
    """Yield the peers that cannot do it here, and why."""
    for name, kept in (("podman", podman), ("runc", runc)):
        why = here[name].missing
        try:
            if not why:
                with _entered(kept) as start:
                    start()
        except ChildProcessError as error:
            why = f"does not work here: {error}"
        if why:
            yield name, why


@contextmanager
def _started(kept: Kept) -> Generator[Start]:
    def start() -> int:
        name = _new()
        try:
            return _took(kept.run, name, kept.env)
        finally:
            _took(kept.remove, name, kept.env)

    yield start


@contextmanager
def _entered(kept: Kept) -> Generator[Start]:
    name = _new()
    try:
        _took(kept.run, name, kept.env)
        yield lambda: _took(kept.enter, name, kept.env)
    finally:
        _took(kept.remove, name, kept.env)


_numbers = itertools.count()


def _new() -> str:
    return f"bench-{os.getpid()}-{next(_numbers)}"


def _took(words: Words, name: str, env: Mapping[str, str]) -> int:
    """Run a command to its end, and return how long it took."""
    argv = [name if word == "NAME" else word for word in words]
    null = subprocess.DEVNULL
    began = time.perf_counter_ns()
    code = subprocess.run(argv, env=env, stdin=null, stdout=null, stderr=null)
    ended = time.perf_counter_ns()
    check(code.returncode, " ".join(argv))
    return ended - began
