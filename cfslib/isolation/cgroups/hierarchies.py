"""hierarchies: which cgroup tree holds which controller, and where we are in it."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cfslib.kernel import procfs


class CannotLimit(OSError):
    """This user can set no such limit on this machine; the text says why."""

    def __init__(self, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        if hint:  # pickle makes us of the text alone, and puts the note back
            self.add_note(f"Hint: {hint}")


@dataclass(frozen=True)
class Home:
    """Where a controller lives: a mounted tree, and our own group in it."""

    version: int  # 1 or 2
    top: Path  # the mount point
    ours: Path  # the directory of the group that we are in


def home_of(controller: str, proc: Path = procfs.PROC) -> Home:
    """Return where `controller` ("pids", "memory", "cpu") can be set."""
    entries = procfs.cgroup_entries(proc=proc)
    for mount in reversed(procfs.mounts(proc=proc)):
        names = set(mount.super_options.split(","))
        if mount.fstype == "cgroup" and controller in names:
            entry = next(entry for entry in entries if controller in entry.controllers)
            return Home(1, Path(mount.target), _directory(mount, entry.path))
        if mount.fstype == "cgroup2" and controller in _controllers(Path(mount.target)):
            entry = next(entry for entry in entries if entry.hierarchy == 0)
            return Home(2, Path(mount.target), _directory(mount, entry.path))
    raise CannotLimit(
        f"no cgroup tree here has the controller {controller}",
        advice(
            {controller}, "see /proc/cgroups, and whether /sys/fs/cgroup is mounted."
        ),
    )


def advice(controllers: Collection[str], for_users: str) -> str:
    """Return what to type where these cannot be set.

    RLIMIT_NPROC is no way out for root: the kernel does not hold it to that.
    """
    if set(controllers) == {"pids"}:
        return "without this limit it runs: `cfs run --pids-limit max ...`"
    return for_users if os.geteuid() else "`cfs doctor` says what it takes here."


def version(proc: Path = procfs.PROC) -> str:
    """Say in a word or two which cgroups this machine has: "v1", "v2", "v1 and v2"."""
    kinds = {mount.fstype for mount in procfs.mounts(proc=proc)}
    names = {"cgroup": "v1", "cgroup2": "v2"}
    return " and ".join(names[kind] for kind in sorted(kinds & set(names))) or "none"


def _controllers(directory: Path) -> list[str]:
    try:
        return (directory / "cgroup.controllers").read_text().split()
    except OSError:
        return []  # covered by another mount, or hidden from us


def _directory(mount: procfs.Mount, path: str) -> Path:
    """Return the directory of a group; of a bind mount, the mount shows a part."""
    if mount.root != "/" and (path + "/").startswith(mount.root + "/"):
        path = path[len(mount.root) :]
    inside = path if "/.." not in path else ""  # outside of what we can see
    return Path(mount.target, inside.lstrip("/"))
