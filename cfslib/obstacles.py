"""obstacles: what stands in the way of a container, and the line that removes it.

The kernel says "no" with a number; which of a machine's many switches made it say so
stands in files below /proc and in a few others.  Nothing is tried here: `doctor` tries,
and comes here with the refusal.  Each function takes the directory that stands for /.
"""

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path

from cfslib import procfs
from cfslib.capabilities import Capability
from cfslib.namespaces import Namespace

ROOT = Path("/")
# Package managers, with what brings newuidmap and what brings a newer kernel.
_MANAGERS = {
    "apt-get": ("sudo apt-get install uidmap", "sudo apt-get dist-upgrade"),
    "dnf": ("sudo dnf install shadow-utils", "sudo dnf upgrade"),
    "pacman": ("sudo pacman -S shadow", "sudo pacman -Syu"),
    "zypper": ("sudo zypper install shadow", "sudo zypper dup"),
    "apk": ("sudo apk add shadow-uidmap", "sudo apk upgrade"),
}
_TO_MAP_IDS = (Capability.SETUID, Capability.SETGID)
_SIGNS_OF_A_CONTAINER = {
    "docker": "Docker",
    "podman": "Podman",
    "libpod": "Podman",
    "kubepods": "Kubernetes",
    "lxc": "LXC",
    "systemd-nspawn": "systemd-nspawn",
}


@dataclass(frozen=True)
class Obstacle:
    """What is in the way, and the one line to type that takes it away."""

    what: str
    remedy: str


def to_namespace(kind: Namespace, error: OSError, root: Path = ROOT) -> Obstacle:
    """Say why a new namespace was refused, or why it gave no rights."""
    if error.errno == errno.ENOSPC:
        return _used_up(kind, root)
    if error.errno in (errno.EINVAL, errno.ENOSYS):
        return Obstacle(f"this kernel has no {kind} namespaces", newer_kernel(root))
    if _switch("kernel/unprivileged_userns_clone", root) == 0:
        return Obstacle(
            "forbidden to ordinary users by kernel.unprivileged_userns_clone",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        )
    if _switch("kernel/apparmor_restrict_unprivileged_userns", root) == 1:
        return Obstacle(
            "AppArmor takes their rights away, as in Ubuntu since 23.10",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        )
    if procfs.status(proc=root / "proc").get("Seccomp") == "2":
        return Obstacle(
            "a seccomp filter around us refuses the call",
            # The engine's own profile and a few calls more; it is part of this project.
            f"{_engine(root)} run --security-opt seccomp=.docker/seccomp.json ...",
        )
    return unknown(error)


def to_mount(error: OSError, root: Path = ROOT) -> Obstacle:
    """Say why a mount was refused to the root of a user namespace."""
    profile = _read("proc/self/attr/current", root)
    if error.errno == errno.EACCES and profile.endswith("(enforce)"):
        return Obstacle(
            f"AppArmor's profile {profile.split()[0]} refuses mounts",
            f"{_engine(root)} run --security-opt apparmor=unconfined ...",
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


def around(root: Path = ROOT) -> str:
    """Return the name of the container that we are in ourselves, "" if in none."""
    if (root / "run/.containerenv").exists():
        return "Podman"
    if (root / ".dockerenv").exists():
        return "Docker"
    told = _read("run/systemd/container", root) + _read("proc/1/cgroup", root)
    for sign, name in _SIGNS_OF_A_CONTAINER.items():
        if sign in told:
            return name
    return ""


def setuid_is_void(root: Path = ROOT) -> bool:
    """Say if programs such as newuidmap would not become root here."""
    status = procfs.status(proc=root / "proc")
    may_gain = status.get("NoNewPrivs", "0") == "0"
    bounds = int(status.get("CapBnd", "f" * 16), 16)
    return not may_gain or not all(bounds >> right & 1 for right in _TO_MAP_IDS)


def wsl(root: Path = ROOT) -> int:
    """Return which Windows Subsystem for Linux this is: 1, 2, or 0 for none."""
    release = _read("proc/sys/kernel/osrelease", root)
    if "microsoft" not in release.lower():
        return 0
    return 1 if "Microsoft" in release else 2  # the first one is no Linux kernel


def newer_kernel(root: Path = ROOT) -> str:
    """Return what to type for a newer kernel."""
    if wsl(root):
        return "wsl.exe --update"
    return _by_package_manager(1) or "uname -r"


def newuidmap() -> str:
    """Return what to type for the program newuidmap."""
    return _by_package_manager(0) or "man newuidmap"


def _by_package_manager(column: int) -> str:
    found = (name for name in _MANAGERS if shutil.which(name))
    return next((_MANAGERS[name][column] for name in found), "")


def _used_up(kind: Namespace, root: Path) -> Obstacle:
    name = f"max_{str(kind).lower()}_namespaces"
    limit = _switch(f"user/{name}", root)
    if limit == 0:
        what = f"forbidden by user.{name} = 0"
        return Obstacle(what, f"sudo sysctl -w user.{name}=15000")
    what = f"all {limit} that user.{name} allows are in use, or 32 levels of them"
    return Obstacle(what, f"sudo sysctl -w user.{name}={2 * (limit or 15000)}")


def _engine(root: Path) -> str:
    return "podman" if around(root) == "Podman" else "docker"


def _switch(name: str, root: Path) -> int | None:
    """Return the value of a sysctl; None where this kernel has none."""
    text = _read(f"proc/sys/{name}", root)
    return int(text) if text.isdecimal() else None


def _read(path: str, root: Path) -> str:
    try:
        return (root / path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""  # not on this machine, or not for us
