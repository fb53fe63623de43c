"""What more than one test file needs, and a look at the machine before and after.

needs_root              skips a test for an ordinary user
needs_user_namespaces   ... where the machine forbids user namespaces
needs_namespaces        ... where we can make no container at all
own_world               unshare; as an ordinary user, with a user namespace
in_own_mounts           call a function in a child with mounts of its own
wait_until, is_alive    for what the kernel does a moment later
soon_reads              the same for what a container writes
groups_of               the cgroups that a process has made
in_time                 what takes too long is said, and fails only where CI=true
"""

import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from cfslib.children import forkclient
from cfslib.children.in_child import in_child
from cfslib.images import host_tools
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.observe import sightings
from cfslib.runtime import client

T = TypeVar("T")
ROOT = os.geteuid() == 0
# A processor that is a program, as in QEMU without KVM, needs ten times as long.
SLOWNESS = 10 if "QEMU TCG" in procfs.read("/proc/cpuinfo") else 1
PATIENCE = 30 * SLOWNESS  # seconds, for what should take milliseconds


def own_world(flags: int) -> None:
    """Unshare `flags`; an ordinary user needs a user namespace with them."""
    if ROOT:
        syscalls.unshare(flags)
    else:
        idmaps.unshare_as_root(flags)
    if flags & Namespace.MNT:
        mounts.keep_private()


def in_own_mounts(func: Callable[[], T], flags: int = 0) -> T:
    """Call `func` in a child with mounts of its own."""

    def child() -> T:
        own_world(Namespace.MNT | flags)
        # A PID namespace is for children.
        return in_child(func) if flags & Namespace.PID else func()

    return in_child(child)


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait for something to become true; say whether it did."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def soon_reads(file: Path, text: str) -> bool:
    """Wait until a file is there and has this text: one comes before the other."""
    return wait_until(lambda: file.exists() and file.read_text() == text)


def groups_of(maker: int) -> list[str]:
    """Return the cgroups of containers that a process has made."""
    return sorted(
        os.path.join(directory, name)
        for mount in procfs.mounts()
        if mount.fstype in ("cgroup", "cgroup2")
        for directory, names, _ in os.walk(mount.target)  # others come and go meanwhile
        for name in names
        if name.startswith(f"cfs-{maker}-")
    )


def in_time(took: float, limit: float) -> None:
    """Say if something took longer than it should, last of all in a test.

    On a slow machine, or a busy one, that is no mistake.
    """
    if took >= limit:
        give_up = pytest.fail if os.environ.get("CI") else pytest.xfail
        give_up(f"too slow here: {took:.3g}, where less than {limit:.3g} is expected")


def is_alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        return not procfs.status(pid)["State"].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _refused(func: Callable[[], object]) -> bool:
    try:
        in_child(func)
    except OSError:
        return True
    return False


def _mount_a_proc() -> None:
    own_world(Namespace.MNT | Namespace.PID | Namespace.UTS | Namespace.IPC)
    in_child(lambda: mounts.proc(procfs.PROC))


needs_root = pytest.mark.skipif(not ROOT, reason="needs root")
needs_user_namespaces = pytest.mark.skipif(
    _refused(lambda: idmaps.unshare_as_root(0)), reason="needs user namespaces"
)
needs_namespaces = pytest.mark.skipif(
    _refused(_mount_a_proc), reason="needs root, or user namespaces and a whole /proc"
)


@pytest.fixture(scope="session")
def rootfs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a rootfs with a few programs; nobody may write to it."""
    root = tmp_path_factory.mktemp("rootfs")
    host_tools.build(root, ["sh", "cat", "ls", "sleep", "true"])
    return root


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_caller_matters(
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[None]:
    """Use a cache and a directory for temporary files that are ours alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CFS_IMAGE", "CFS_ROOTFS", "CFS_HOSTNAME", "CFS_PIDS_LIMIT"):
            patch.delenv(name, raising=False)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        temporary = tmp_path_factory.mktemp("tmp")
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", None)  # or it goes by the old TMPDIR
        yield

    assert not list(temporary.iterdir()), "temporary files were left behind"


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_behind(
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[None]:
    """Look for what tests left: mounts, groups, processes; not for what others do."""
    # An orphan that descends from us becomes our child.
    syscalls.prctl(Prctl.SET_CHILD_SUBREAPER, 1)
    before = procfs.mounts()
    known = {mount.id for mount in before}
    places = {mount.target for mount in before}

    def is_ours(mount: procfs.Mount) -> bool:
        """Say no of, for instance, a disk that was plugged in meanwhile."""
        is_below = base in Path(mount.target).parents
        return mount.id not in known and (is_below or mount.target in places)

    def left() -> list[object]:
        mounts = [mount for mount in procfs.mounts() if is_ours(mount)]
        processes = [one for one in sightings.below(os.getpid()) if is_alive(one.pid)]
        return [*mounts, *set(_groups()) - groups, *processes]

    base, groups = tmp_path_factory.getbasetemp(), set(_groups())
    yield
    forkclient.stop()
    client.stop()
    wait_until(lambda: not left())

    assert left() == []


def _groups() -> Iterator[str]:
    """Yield each group of a container or a test, unless its maker is another one."""
    for mount in procfs.mounts():
        if mount.fstype in ("cgroup", "cgroup2"):
            for group, _, _ in os.walk(mount.target):  # they come and go meanwhile
                name = Path(group).name
                maker = next(filter(str.isdecimal, name.split("-")), "0")
                if name.startswith("cfs-") and not _is_of_another(int(maker)):
                    yield group


def _is_of_another(maker: int) -> bool:
    return maker != os.getpid() and is_alive(maker)
