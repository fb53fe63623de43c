"""trials: try what a container needs, each thing in a child of its own.

A version or a setting says what a kernel should allow; only trying says whether it
does.  A refusal goes to `obstacles`, which knows what usually stands behind it.

    >>> kernel("6.1.0-13-amd64").remedy
    ''
"""

import os
import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.doctor import machine, obstacles
from cfslib.doctor.obstacles import Obstacle
from cfslib.images import host_tools
from cfslib.isolation import idmaps, mounts, rootfs
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.runtime import container
from cfslib.runtime.spec import Spec

NEEDED = (5, 14)  # for RLIMIT_NPROC by user namespace, the youngest thing we use
Unshare = Callable[[int], None]


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to type if that is not well."""

    about: str
    state: str
    remedy: str = ""
    fatal: bool = False  # without this there is no container at all


def kernel(release: str) -> Finding:
    """Compare a kernel's version with the one that has all we use."""
    numbers = re.findall(r"\d+", release)[:3]
    version = ".".join(numbers)
    if tuple(map(int, numbers)) >= NEEDED:
        return Finding("kernel", version)
    state = f"{version}: before {NEEDED[0]}.{NEEDED[1]} some things are missing"
    return Finding("kernel", state, machine.newer_kernel())


def surroundings() -> Iterator[Finding]:
    """Say who we are, and what is around us."""
    name = "root" if os.geteuid() == 0 else "an ordinary user"
    if name == "root" and not container.may_do_it_alone():
        name = "root, but without root's rights over the machine"
    yield Finding("user", name)
    if machine.wsl() == 1:
        yield Finding("machine", "WSL 1: no Linux kernel", "wsl.exe --set-version 2")
    elif machine.wsl() == 2:
        yield Finding("machine", "WSL 2")
    if engine := machine.around():
        yield Finding("machine", f"we are in a container ourselves: {engine}")


def user_namespaces() -> Finding:
    """Become root of a user namespace, and use a right of root in it."""

    def trial() -> None:
        idmaps.unshare_as_root(Namespace(0))
        # Some machines let us in and give us no rights.  This one harms nobody.
        syscalls.chroot("/")

    about = "user namespaces"
    return _tried(about, trial, lambda no: obstacles.to_namespace(Namespace.USER, no))


def namespaces(unshare: Unshare) -> Iterator[Finding]:
    """Make one namespace of each other kind."""
    made: list[str] = []
    refused: dict[Obstacle, list[str]] = {}
    for kind in [kind for kind in Namespace if kind is not Namespace.USER]:
        try:
            in_child(partial(_make_and_use, unshare, kind))
            made.append(str(kind))
        except OSError as error:
            why = obstacles.to_namespace(kind, error)
            refused.setdefault(why, []).append(str(kind))
    yield Finding("namespaces", ", ".join(made) or "none")
    for why, kinds in refused.items():
        yield Finding("namespaces", f"not {', '.join(kinds)}: {why.what}", why.remedy)


def _make_and_use(unshare: Unshare, kind: Namespace) -> None:
    unshare(kind)
    if kind is Namespace.UTS:  # Podman's own filter allows the one and not the other
        socket.sethostname(socket.gethostname())


def proc_inside(unshare: Unshare) -> Finding:
    """Mount the /proc of a new PID namespace."""

    def trial() -> None:
        unshare(Namespace.MNT | Namespace.PID)
        mounts.keep_private()
        in_child(lambda: mounts.proc(Path("/proc")))

    return _tried("/proc inside", trial, obstacles.to_proc)


def layer(unshare: Unshare) -> Finding:
    """Cover a directory with a layer in memory, and write into that."""

    def trial(root: Path) -> None:
        unshare(Namespace.MNT)
        mounts.keep_private()
        rootfs.layer(root)
        (root / "written").touch()

    with tempfile.TemporaryDirectory(prefix="cfs-doctor-") as directory:
        root = Path(directory)
        return _tried("overlay", lambda: trial(root), obstacles.to_mount)


def whole() -> Finding:
    """Make a whole container."""
    error = run_true()
    if error:
        remedy = "cfs run --trace true"  # shows which call was refused
        return Finding("a container", f"failed: {cause_of(error)}", remedy, fatal=True)
    return Finding("a container", "was made, ran `true`, and is gone")


def run_true(user: str = "0") -> OSError | None:
    """Run `true` in a container; return what went wrong."""
    with tempfile.TemporaryDirectory(prefix="cfs-doctor-") as directory:
        root = Path(directory)
        try:
            host_tools.build(root, ["true"])
            code = container.capture(Spec(["true"], rootfs=root, user=user)).code
        except OSError as error:
            return error
    return None if code == 0 else OSError(f"`true` ended with {code}")


def _tried(
    about: str, trial: Callable[[], None], explain: Callable[[OSError], Obstacle]
) -> Finding:
    """Try something in a child; if it is refused, say why and what mends it."""
    try:
        in_child(trial)
    except OSError as error:
        why = explain(error)
        return Finding(about, why.what, why.remedy)
    return Finding(about, "allowed")


def cause_of(error: OSError) -> str:
    """Return what an error says, without its number."""
    return error.strerror or str(error)
