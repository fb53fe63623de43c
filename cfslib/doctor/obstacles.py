"""obstacles: what stands in the way of a container, and the line that removes it.

The kernel says "no" with a number; which of a machine's many switches made it say so
stands in files below /proc and in a few others.  Nothing is tried here: `doctor` tries,
and comes here with the refusal.  Each function takes the directory that stands for /.
"""

import errno
from pathlib import Path

from cfslib.doctor.machine import ROOT, around, engine, newer_kernel, read, switch
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from cfslib.kernel.record import Record


class Obstacle(Record):
    """What is in the way, and the one line to type that takes it away."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy


def to_namespace(kind: Namespace, error: OSError, root: Path = ROOT) -> Obstacle:
    """Say why a new namespace was refused, or why it gave no rights."""
    if error.errno == errno.ENOSPC:
        return _used_up(kind, root)
    if error.errno in (errno.EINVAL, errno.ENOSYS):
        return Obstacle(f"this kernel has no {kind} namespaces", newer_kernel(root))
    if switch("kernel/unprivileged_userns_clone", root) == 0:
        return Obstacle(
            "forbidden to ordinary users by kernel.unprivileged_userns_clone",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        )
    if switch("kernel/apparmor_restrict_unprivileged_userns", root) == 1:
        return Obstacle(
            "AppArmor takes their rights away, as in Ubuntu since 23.10",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        )
    if procfs.status(proc=root / "proc").get("Seccomp") == "2":
        return Obstacle(
            "a seccomp filter around us refuses the call",
            # The engine's own profile and a few calls more; it is part of this project.
            f"{engine(root)} run --security-opt seccomp=.docker/seccomp.json ...",
        )
    return unknown(error)


def to_mount(error: OSError, root: Path = ROOT) -> Obstacle:
    """Say why a mount was refused to the root of a user namespace."""
    profile = read("proc/self/attr/current", root)
    if error.errno == errno.EACCES and profile.endswith("(enforce)"):
        return Obstacle(
            f"AppArmor's profile {profile.split()[0]} refuses mounts",
            f"{engine(root)} run --security-opt apparmor=unconfined ...",
        )
    if error.errno == errno.ENODEV:
        return Obstacle("this kernel has no such filesystem", "sudo modprobe overlay")
    return unknown(error)


def to_proc(error: OSError, root: Path = ROOT) -> Obstacle:
    """Say why a /proc of its own was refused to a user namespace."""
    covered = covered_parts_of_proc(root)
    if error.errno != errno.EPERM or not covered:
        return to_mount(error, root)
    what = f"refused, because parts of ours are covered: {', '.join(covered[:3])}"
    if around(root) == "Podman":
        return Obstacle(what, "podman run --security-opt unmask=ALL ...")
    return Obstacle(what, "docker run --security-opt systempaths=unconfined ...")


def covered_parts_of_proc(root: Path = ROOT) -> list[str]:
    """Return the places in /proc that something else is mounted over."""
    targets = [mount.target for mount in procfs.mounts(proc=root / "proc")]
    return [
        target
        for target in dict.fromkeys(targets)
        # This one is a directory that the kernel keeps empty, so it hides nothing.
        if target.startswith("/proc/") and target != "/proc/sys/fs/binfmt_misc"
    ]


def unknown(error: OSError) -> Obstacle:
    """Show the refusal itself; the kernel's log may know who it was."""
    text = error.strerror or str(error)
    return Obstacle(text, "sudo dmesg | tail")


def _used_up(kind: Namespace, root: Path) -> Obstacle:
    name = f"max_{str(kind).lower()}_namespaces"
    limit = switch(f"user/{name}", root)
    if limit == 0:
        what = f"forbidden by user.{name} = 0"
        return Obstacle(what, f"sudo sysctl -w user.{name}=15000")
    what = f"all {limit} that user.{name} allows are in use, or 32 levels of them"
    return Obstacle(what, f"sudo sysctl -w user.{name}={2 * (limit or 15000)}")
