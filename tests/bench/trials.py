"""trials: which peers work here, and why the others do not."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cfslib import container, procfs, syscalls
from cfslib.building import PATH
from cfslib.mounts import UmountFlag
from tests.bench import processes
from tests.bench.box import Box
from tests.bench.peers import PEERS, Peer
from tests.bench.ways import Way, command


@dataclass(frozen=True)
class Found:
    """What a peer is here: a way to make containers, or the reason why not."""

    peer: Peer
    words: tuple[str, ...] = ()
    missing: str = ""
    version: str = ""

    def way(self) -> Way:
        """Return it as a way."""
        way = command(self.peer.name, self.words, _environment())
        return replace(way, may_fail=True)


@contextmanager
def found(box: Box) -> Iterator[list[Found]]:
    """Try every peer once; keep their configuration for a `with` block."""
    own = Path(tempfile.mkdtemp(prefix="cfs-bench-"))
    try:
        yield [_try(peer, box, own / peer.name) for peer in PEERS]
    finally:
        while processes.mention(str(own)):
            time.sleep(0.01)  # conmon cleans up after podman has ended
        for mount in reversed(procfs.mounts()):  # podman leaves one behind
            if Path(mount.target).is_relative_to(own):
                syscalls.umount2(mount.target, UmountFlag.DETACH)
        shutil.rmtree(own)


def told(box: Box, _rounds: int) -> list[dict[str, str]]:
    """Say which peers there are, how they are called, or why they are not."""
    with found(box) as tried:
        return [
            {
                "name": each.peer.name,
                "version": each.version,
                "missing": each.missing,
                "differs": each.peer.differs,
                "words": " ".join(each.words),
                "config.json": _bundle(each),
            }
            for each in tried
        ]


def _try(peer: Peer, box: Box, own: Path) -> Found:
    if not (program := shutil.which(peer.name)):
        return Found(
            peer, missing=f"not installed; on Debian: apt install {peer.package}"
        )
    own.mkdir()
    words = (program, *peer.words(box, own, container.may_do_it_alone())[1:])
    argv = ["bench-try" if word == "NAME" else word for word in words]
    try:
        done = _run(argv)
    except subprocess.TimeoutExpired:
        return Found(peer, words, "it did not end within 30 seconds")
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return Found(peer, words, f"does not work here: {said[-1]}")
    version = _run([program, "--version"]).stdout.strip().splitlines()
    return Found(peer, words, version=version[0] if version else "")


def _run(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": PATH}


def _bundle(each: Found) -> str:
    words = list(each.words)
    if "--bundle" not in words:
        return ""
    return Path(words[words.index("--bundle") + 1], "config.json").read_text()
