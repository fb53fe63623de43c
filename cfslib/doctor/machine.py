"""machine: what kind of machine this is, and what is typed on such a one.

Read from files below /proc and a few others; each function takes the directory that
stands for /.
"""

import shutil
from pathlib import Path

from cfslib.isolation.capabilities import Capability
from cfslib.kernel import procfs

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


def around(root: Path = ROOT) -> str:
    """Return the name of the container that we are in ourselves, "" if in none."""
    if (root / "run/.containerenv").exists():
        return "Podman"
    if (root / ".dockerenv").exists():
        return "Docker"
    told = read("run/systemd/container", root) + read("proc/1/cgroup", root)
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
    release = read("proc/sys/kernel/osrelease", root)
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


def engine(root: Path = ROOT) -> str:
    """Return what to type for the program that made the container around us."""
    return "podman" if around(root) == "Podman" else "docker"


def switch(name: str, root: Path = ROOT) -> int | None:
    """Return the value of a sysctl; None where this kernel has none."""
    text = read(f"proc/sys/{name}", root)
    return int(text) if text.isdecimal() else None


def read(path: str, root: Path = ROOT) -> str:
    """Return what is in a file; "" where there is none, or not for us."""
    try:
        return (root / path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""
