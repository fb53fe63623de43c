"""trials: try what a container needs, each thing in a child of its own.

A version or a setting says what a kernel should allow; only trying says whether it
does.  A refusal goes to `obstacles`, which knows what usually stands behind it.

    >>> kernel("6.1.0-13-amd64").remedy
    ''
"""

import os
import re
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.doctor import machine, obstacles
from cfslib.doctor.obstacles import Obstacle
from cfslib.images import builds, cache, host_tools, notes, ours, search
from cfslib.isolation import idmaps, mounts, rootfs
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import program, syscalls
from cfslib.kernel.record import Record
from cfslib.runtime import ownership
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec

NEEDED = (5, 14)  # for RLIMIT_NPROC by user namespace, the youngest thing we use
Unshare = Callable[[int], None]


class Finding(Record):
    """What was looked at, how it is, and what to type if that is not well."""

    def __init__(
        self,
        about: str,
        state: str,
        remedy: str = "",
        fatal: bool = False,  # without this there is no container at all
    ) -> None:
        self.about, self.state = about, state
        self.remedy, self.fatal = remedy, fatal


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
    if name == "root" and not ownership.may_do_it_alone():
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
    kinds = [kind for kind in Namespace if kind is not Namespace.USER]
    errors = in_child(lambda: _refusals(unshare, kinds))
    refused: dict[Obstacle, list[str]] = {}
    for kind, error in errors.items():
        why = obstacles.to_namespace(kind, error)
        refused.setdefault(why, []).append(str(kind))
    made = [str(kind) for kind in kinds if kind not in errors]
    yield Finding("namespaces", ", ".join(made) or "none")
    for why, names in refused.items():
        yield Finding("namespaces", f"not {', '.join(names)}: {why.what}", why.remedy)


def _refusals(unshare: Unshare, kinds: Sequence[Namespace]) -> dict[Namespace, OSError]:
    """Make namespaces one after the other; return the errors."""
    unshare(Namespace(0))
    errors = {}
    for kind in kinds:
        try:
            syscalls.unshare(kind)
            if kind is Namespace.UTS:
                # Podman's own filter allows the one and not the other.
                syscalls.sethostname(os.uname().nodename)
        except OSError as error:
            errors[kind] = error
    return errors


def proc_inside(unshare: Unshare) -> Finding:
    """Mount the /proc of a new PID namespace."""

    def trial() -> None:
        unshare(Namespace.MNT | Namespace.PID)
        mounts.keep_private()
        in_child(lambda: mounts.proc("/proc"))

    return _tried("/proc inside", trial, obstacles.to_proc)


def layer(unshare: Unshare) -> Finding:
    """Cover a directory with a layer in memory, and write into that."""

    def trial(root: Path) -> None:
        unshare(Namespace.MNT)
        mounts.keep_private()
        rootfs.layer(str(root))
        (root / "written").touch()

    with _workplace() as root:
        return _tried("overlay", lambda: trial(root), obstacles.to_mount)


@contextmanager
def _workplace() -> Generator[Path]:
    """Yield an empty directory in which nobody else can do anything."""
    ours.check(tempfile.gettempdir(), "TMPDIR")
    with tempfile.TemporaryDirectory(prefix="cfs-doctor-") as directory:
        yield Path(directory)


def losses() -> Iterator[Finding]:
    """Look if a rootfs in the cache is no longer what was built."""
    try:
        place = cache.checked_directory(os.environb)
    except OSError:
        return  # the trial of a whole container will say it
    for note in notes.saved(place, search.path(os.environb)):
        root = f"{place}/{note.root}"
        lost = [str(file) for file in builds.lost(Path(root), note)]
        if lost and os.path.isdir(root):  # without it, another one is built
            what = f"{lost[0]} and {len(lost) - 1} more" if lost[1:] else lost[0]
            state = f"{root} is not as it was built: {what}"
            yield Finding("rootfs", state, f"rm -r {root}  # and a new one is built")


def whole() -> Finding:
    """Make a whole container."""
    error = run_true()
    if error:
        remedy = f"{program.ours()} run --trace true"  # shows which call was refused
        return Finding("a container", f"failed: {cause_of(error)}", remedy, fatal=True)
    return Finding("a container", "was made, ran `true`, and is gone")


def tools() -> Finding:
    """Say which everyday tools containers do without, because we may not read them."""
    path = os.fsdecode(search.path(os.environb))
    found = host_tools.found(host_tools.EVERYDAY, path)
    closed = [program for program in found if not host_tools.is_readable(program)]
    if not closed:
        return Finding("everyday tools", "all that are here can be copied")
    state = f"left out, because we may not read it: {', '.join(map(str, closed))}"
    return Finding("everyday tools", state, host_tools.to_make_readable(closed))


def run_true(user: str = "0") -> OSError | None:
    """Run `true` in a container as `cfs run` makes them; return what went wrong."""
    try:
        code = capture(Spec(["true"], user=user)).code
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
    return error.strerror or (os.strerror(error.errno) if error.errno else str(error))
