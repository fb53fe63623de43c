"""box: what every way of making a container is asked to make, and from what.

The command is one of some programs that need no library: busybox's `true`; `nothing`,
which is three instructions long; `now`, which prints when it ran; and `pause`, which
waits for SIGTERM.  Where no rootfs is named it is the `true` of this machine.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cfslib.images import cache
from cfslib.isolation import cgroups, seccomp
from cfslib.isolation.capabilities import DEFAULT
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace
from cfslib.runtime.spec import NAMESPACES, Spec, Volume

HERE = Path(__file__).parent
PIDS_MAX = 20
VOLUME = "/volume"  # where the volume is seen
ROOT = "0"


class Missing(Exception):
    """A program that the benchmark needs is not installed; the text says which."""


@dataclass(frozen=True)
class Box:
    """One kind of container: as `cfs run` makes it, unless told otherwise."""

    things: Path  # where `build` put the programs and the rootfs
    command: str = "true"
    network: bool = False  # a network namespace
    limited: bool = True  # to 20 processes
    named: bool = True  # with a rootfs that we name; else the one of everyday tools
    volume: bool = False  # with a directory of the host
    user: str = ROOT  # or UID:GID
    terminal: bool = False  # where a command has one; a program of ours has none

    @property
    def rootfs(self) -> Path:
        """Return the directory that is / inside."""
        return self.things / "rootfs" if self.named else Path(cache.current())

    @property
    def shared(self) -> Path:
        """Return the directory of the host that is the volume."""
        return self.things / "volume"

    @property
    def says_when(self) -> bool:
        """Say if the command prints when it ran, so that the time until then counts."""
        return self.command == "now"

    def spec(self) -> Spec:
        """Return it in our own words."""
        return Spec(
            [self.command],
            rootfs=self.rootfs if self.named else None,
            namespaces=NAMESPACES | (Namespace.NET if self.network else Namespace(0)),
            limits=Limits(pids_max=PIDS_MAX if self.limited else None),
            volumes=[Volume(str(self.shared), VOLUME)] if self.volume else (),
            user=self.user,
        )


def build(things: Path) -> None:
    """Compile what is in C, and make a rootfs with the commands."""
    if not (busybox := shutil.which("busybox")) or _is_dynamic(busybox):
        raise Missing("a static busybox; on Debian: apt install busybox-static")
    programs = things / "rootfs/bin"
    programs.mkdir(parents=True)
    for name in ("dev", "proc", "sys", "usr", VOLUME[1:]):  # nspawn asks for /usr
        (things / "rootfs" / name).mkdir()
    (things / "volume").mkdir()
    for name in ("etc/hosts", "etc/hostname", "etc/resolv.conf", "run/.containerenv"):
        file = things / "rootfs" / name  # podman mounts over them
        file.parent.mkdir(exist_ok=True)
        file.touch()
    for name in ("true", "sleep"):
        shutil.copy(busybox, programs / name)
    compile_floor(things / "floor")
    for name in ("now", "pause"):
        compile_c(HERE / f"{name}.c", programs / name)
    compile_c(HERE / "nothing.c", programs / "nothing", "-nostdlib")
    for path in (things, *things.rglob("*")):
        path.chmod(0o755)  # an ordinary user will use it too
    (things / "rootfs/etc/mtab").symlink_to("/proc/mounts")  # or podman makes it


def compile_floor(target: Path, linked: str = "-static") -> None:
    """Compile the floor, with the filter that a container of ours has."""
    filter = ",".join(map(str, seccomp.default_filter(DEFAULT)))
    compile_c(HERE / "floor.c", target, f"-DFILTER={filter}", linked=linked)


def compile_c(source: Path, target: Path, *flags: str, linked: str = "-static") -> None:
    """Compile a C program into one that needs no library, unless linked otherwise."""
    if not (gcc := shutil.which("gcc")):
        raise Missing("a C compiler; on Debian: apt install gcc libc6-dev")
    words = [gcc, "-O2", linked, "-Wall", "-Wextra", *flags, "-o"]
    subprocess.run([*words, str(target), str(source)], check=True)


def floor_limit(box: Box) -> str:
    """Say to the floor how to limit processes here: see floor.c."""
    limits = {"pids.max": str(PIDS_MAX)} if box.limited else {}
    try:
        groups = cgroups.plan(limits, everywhere=True)
    except CannotLimit:
        return "rlimit"
    return ":".join(os.path.dirname(group.path) for group in groups) or "none"


def _is_dynamic(program: str) -> bool:
    return b"/ld-linux" in Path(os.path.realpath(program)).read_bytes()[:4096]
