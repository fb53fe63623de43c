"""trials: which peers work here, and why the others do not."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cfslib.images.host_tools import PATH
from cfslib.isolation.mounts import UmountFlag
from cfslib.kernel import procfs, syscalls
from cfslib.runtime import ownership
from tests.bench import processes
from tests.bench.box import Box
from tests.bench.commands import command
from tests.bench.peers import PEERS, Peer
from tests.bench.way import Way
from tests.bench.ways import ours


@dataclass(frozen=True)
class Found:
    """What a peer is here: a way to make containers, or the reason why not."""

    peer: Peer
    own: Path  # a directory for what it keeps
    words: tuple[str, ...] = ()
    missing: str = ""
    version: str = ""

    def way(self, box: Box) -> Way:
        """Return it as a way to make such a container."""
        words = _words(self.peer, box, self.own)
        env = environment(self.own)
        way = command(self.peer.name, words, env, box.says_when, box.terminal)
        return replace(way, may_fail=True)


@contextmanager
def found(box: Box) -> Iterator[list[Found]]:
    """Try every peer once; keep their configuration for a `with` block."""
    box = replace(box, command="true")
    own = Path(tempfile.mkdtemp(prefix="cfs-"))  # podman allows for 50 characters
    try:
        yield [_try(peer, box, own / peer.name) for peer in PEERS]
    finally:
        while processes.mention(str(own)):
            time.sleep(0.01)  # conmon cleans up after podman has ended
        for pause in own.rglob("pause.pid"):  # it keeps a user namespace for the next
            os.kill(int(pause.read_text()), signal.SIGKILL)
        for mount in reversed(procfs.mounts()):  # podman leaves one behind
            if Path(mount.target).is_relative_to(own):
                syscalls.umount2(mount.target, UmountFlag.DETACH)
        shutil.rmtree(own)


@contextmanager
def all_ways(box: Box) -> Iterator[list[Way]]:
    """Keep every way that works here, ours first, for a `with` block."""
    with peers(box) as others:
        yield [*ours(box), *others]


@contextmanager
def peers(box: Box) -> Iterator[list[Way]]:
    """Keep every peer that works here for a `with` block."""
    with found(box) as tried:
        yield [each.way(box) for each in tried if not each.missing]


def _try(peer: Peer, box: Box, own: Path) -> Found:
    if not shutil.which(peer.name):
        missing = f"not installed; on Debian: apt install {peer.package}"
        return Found(peer, own, missing=missing)
    own.mkdir()
    words = _words(peer, replace(box, terminal=False), own)  # or we could not listen
    argv = ["bench-try" if word == "NAME" else word for word in words]
    try:
        done = _run(argv, own)
    except subprocess.TimeoutExpired:
        return Found(peer, own, words, "it did not end within 30 seconds")
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return Found(peer, own, words, f"does not work here: {said[-1]}")
    version = _run([words[0], "--version"], own).stdout.strip().splitlines()
    words = _words(peer, box, own)
    return Found(peer, own, words, version=version[0] if version else "")


def _words(peer: Peer, box: Box, own: Path) -> tuple[str, ...]:
    name, *words = peer.words(box, own, ownership.may_do_it_alone())
    return shutil.which(name) or name, *words


def _run(argv: Sequence[str], own: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        env=environment(own),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


def environment(own: Path) -> dict[str, str]:
    """Return the environment in which a peer keeps to its own directory."""
    return {**os.environ, "PATH": PATH, "XDG_RUNTIME_DIR": str(own)}
