"""Isolation that is broken on purpose is noticed.

Each test edits a copy of the package, so that one wall of the container is missing,
and looks with a few questions at what comes of it.  All happens in an outer world of
namespaces, so that what gets out of the container does not get to this machine.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import host_tools
from cfslib.isolation import mounts
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from tests.conftest import ROOT, needs_namespaces, own_world

PACKAGE = Path(__file__).parent.parent / "cfslib"
KINDS = [Namespace.UTS, Namespace.PID, Namespace.MNT, Namespace.IPC, Namespace.CGROUP]
REFUSED = "it works"  # the container was not made, so nothing could get through

pytestmark = needs_namespaces


@dataclass(frozen=True)
class Edit:
    """A change to one line of the package, and what will not be so any more."""

    file: str
    old: str
    new: str
    noticed: str  # one of the sentences in `untrue`


CLONE = "syscalls.clone(kinds & ~Namespace.CGROUP"
DEFAULTS = "NAMESPACES = ("
PIVOT = "rootfs.pivot(root)"
NOTHING = "os.getpid()"  # in place of a step

EDITS = {
    "no UTS": Edit("container.py", CLONE, f"{CLONE} & ~Namespace.UTS", "host's name"),
    "no PID": Edit("container.py", CLONE, f"{CLONE} & ~Namespace.PID", "own PID"),
    "no MNT": Edit("container.py", CLONE, f"{CLONE} & ~Namespace.MNT", "host's mounts"),
    "no IPC": Edit("container.py", CLONE, f"{CLONE} & ~Namespace.IPC", "own IPC"),
    "no CGROUP": Edit(
        "container.py",
        "syscalls.unshare(kinds & Namespace.CGROUP)",
        NOTHING,
        "own CGROUP",
    ),
    "shared mounts": Edit(
        "container.py", "mounts.keep_private()", NOTHING, "host's mounts"
    ),
    "no new root": Edit("container.py", PIVOT, NOTHING, "no file of the host"),
    "chroot alone": Edit(
        "container.py", PIVOT, "rootfs.enter_by_chroot(root)", "no way back"
    ),
} | {
    f"no {kind} by default": Edit(
        "spec.py", DEFAULTS, f"NAMESPACES = ~Namespace.{kind} & (", f"own {kind}"
    )
    for kind in KINDS
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a rootfs with what the questions need."""
    directory = tmp_path_factory.mktemp("root")
    host_tools.build(directory, ["sh", "hostname", "readlink", "ls", "nsenter"])
    return directory


def test_the_package_as_it_is_lets_nothing_through(root: Path, tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "cfslib")

    assert untrue(tmp_path, root) == []


@pytest.mark.parametrize("name", EDITS)
def test_a_missing_wall_is_noticed(name: str, root: Path, tmp_path: Path) -> None:
    edit = EDITS[name]
    copy = shutil.copytree(PACKAGE, tmp_path / "cfslib")
    text = (copy / edit.file).read_text()
    assert text.count(edit.old) == 1, "the package changed; change this test with it"
    (copy / edit.file).write_text(text.replace(edit.old, edit.new))
    if name == "shared mounts" and not ROOT:
        pytest.skip("needs root: what a user namespace mounts never spreads outwards")
    found = untrue(tmp_path, root)
    assert edit.noticed in found or REFUSED in found


def untrue(package: Path, root: Path) -> list[str]:
    """Run containers with this package; name what is not as it should be."""
    secret = package / "of-the-host"
    secret.touch()

    def in_an_outer_world() -> list[str]:
        mounts.proc(procfs.PROC)
        # As systemd has it, but with nobody to share with but containers.
        syscalls.mount(None, "/", flags=MountFlag.REC | MountFlag.SHARED)
        try:
            return list(_untrue(package, root, secret))
        except OSError:  # our own root has been taken from us
            return ["host's mounts"]

    def leave() -> list[str]:
        own_world(Namespace.UTS | Namespace.MNT | Namespace.IPC | Namespace.PID)
        return in_child(in_an_outer_world)

    return in_child(leave)


def _untrue(package: Path, root: Path, secret: Path) -> Iterator[str]:
    name, mounted = os.uname().nodename, procfs.mounts()
    links = {kind: os.readlink(f"/proc/self/ns/{kind}".lower()) for kind in KINDS}

    kinds = " ".join(str(kind).lower() for kind in KINDS)
    program = f"""
        hostname; echo $$; [ -e {secret} ]; echo $?
        for kind in {kinds}; do readlink /proc/self/ns/$kind; done
    """
    code, text = _cfs(package, root, "sh", "-c", program)
    if os.uname().nodename != name:
        yield "host's name"
    if procfs.mounts() != mounted:
        yield "host's mounts"
    if code != 0:
        yield REFUSED
        return
    hostname, pid, hidden, *theirs = text.split()
    if (hostname, pid) != ("cfs-container", "2"):
        yield "name and number"
    if hidden == "0":
        yield "no file of the host"
    for kind, link in zip(KINDS, theirs, strict=True):
        if link == links[kind]:
            yield f"own {kind}"
    # Who enters the namespace again is at its very root, whatever chroot said.
    way_back = ["nsenter", "--mount=/proc/self/ns/mnt", "ls", str(secret)]
    code, text = _cfs(package, root, "--cap-add", "SYS_ADMIN", *way_back)
    if str(secret) in text.split("\n"):
        yield "no way back"


def _cfs(package: Path, root: Path, *words: str) -> tuple[int, str]:
    # No limit, so no cgroup: with the root lost, nobody could find it to remove it.
    options = ["--pids-limit", "max", "--rootfs", str(root)]
    done = subprocess.run(
        [sys.executable, "-m", "cfslib.cli.entry", "run", *options, *words],
        env={**os.environ, "PYTHONPATH": str(package)},
        cwd=package,
        capture_output=True,
        text=True,
        timeout=20,
    )
    print(done.stderr, end="", file=sys.stderr)  # pytest shows it if a test fails
    return done.returncode, done.stdout
