"""A way to each refusal for which there is a hint."""

import errno
import os
import resource
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from cfslib.isolation import idmaps, mounts
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace, link
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import FilterFlag, MountAttr, Prctl, Seccomp, TreeFlag

NOBODY = 65534


def as_nobody(func: Callable[[], object]) -> None:
    if os.geteuid() == 0:
        os.setresuid(NOBODY, NOBODY, NOBODY)
    func()


def with_a_thread(func: Callable[[], object]) -> None:
    done = threading.Event()
    threading.Thread(target=done.wait, daemon=True).start()
    try:
        func()
    finally:
        done.set()


def as_its_root(flags: int, func: Callable[[], object]) -> None:
    idmaps.unshare_as_root(flags)
    func()


def with_mounts(func: Callable[[], object]) -> None:
    idmaps.unshare_as_root(Namespace.MNT)
    mounts.keep_private()
    syscalls.mount("here", "/tmp", "tmpfs")
    os.chdir("/tmp")
    Path("file").touch()
    Path("directory").mkdir()
    func()


def enter_ours(kind: Namespace) -> None:
    syscalls.setns(os.open(link(kind), os.O_RDONLY), kind)


def leave_a_user_namespace() -> None:
    home = os.open(link(Namespace.USER), os.O_RDONLY)
    idmaps.unshare_as_root(0)
    syscalls.setns(home, Namespace.USER)


def no_more(call: Callable[[int], object]) -> None:
    """Ask for a namespace where there may be no more of its kind."""
    idmaps.unshare_as_root(0)
    Path("/proc/sys/user/max_uts_namespaces").write_text("0")
    call(Namespace.UTS)


def clone(flags: int = 0) -> None:
    if syscalls.clone(flags) == 0:
        os._exit(0)
    os.wait()


def one_more_process(call: Callable[[], object]) -> None:
    as_nobody(lambda: with_limit(resource.RLIMIT_NPROC, 1, call))  # root has no limit


def with_a_group(func: Callable[[Path], object]) -> None:
    """Call it with a cgroup of v2, for which we have to be root."""
    syscalls.unshare(Namespace.MNT)
    mounts.keep_private()
    syscalls.mount("none", "/tmp", "cgroup2")
    group = Path(f"/tmp/cfs-refusals-{os.getpid()}")
    group.mkdir()
    try:
        func(group)
    finally:
        for left in (group / "threaded", group / "invalid", group):
            if left.exists():
                left.rmdir()


def invalid(group: Path) -> Path:
    """Return a cgroup whose sibling is threaded."""
    for name in ("threaded", "invalid"):
        (group / name).mkdir()
    (group / "threaded/cgroup.type").write_text("threaded")
    return group / "invalid"


def be_born_in(group: Path) -> None:
    clone_into(os.open(group, os.O_PATH))


def be_born_in_what_is_gone(group: Path) -> None:
    door = os.open(group, os.O_PATH)
    group.rmdir()
    clone_into(door)


def clone_into(door: int) -> None:
    if syscalls.clone(0, door) == 0:
        os._exit(0)
    os.wait()


def start(path: str, text: str | None = None, mode: int = 0o755) -> None:
    if text is not None:
        Path(path).write_text(text)
        Path(path).chmod(mode)
    syscalls.posix_spawn([path], {"PATH": "/bin"})


def spawn(path: str, text: str | None = None, mode: int = 0o755) -> None:
    with_mounts(lambda: start(path, text, mode))


def start_a_link_to_itself() -> None:
    os.symlink("link", "link")
    start("/tmp/link")


def with_limit(kind: int, most: int, func: Callable[[], object]) -> None:
    resource.setrlimit(kind, (most, most))
    func()


def pivot_to_a_directory() -> None:
    syscalls.pivot_root("directory", "directory")


def pivot_to_a_directory_of_the_root() -> None:
    os.chroot("/tmp")
    pivot_to_a_directory()


def move_a_directory_on_a_file() -> None:
    tree = syscalls.open_tree("/tmp/directory", TreeFlag.CLONE)
    syscalls.move_mount(tree, "/tmp/file", TreeFlag.FROM_FD)


def remount_with_an_id() -> None:
    syscalls.mount(None, "/tmp", None, MountFlag.REMOUNT, f"uid={NOBODY - 1}")


def unmount_in_use() -> None:
    os.chdir("/tmp")
    syscalls.umount2("/tmp")


def map_twice() -> None:
    idmaps.unshare_as_root(0)
    syscalls.write("/proc/self/uid_map", "0 0 1")


def make_a_file_too_many() -> None:
    syscalls.mount("small", "/tmp/directory", "tmpfs", 0, "nr_inodes=1")
    os.open("/tmp/directory/file", os.O_CREAT)


def write_beyond_the_end() -> None:
    Path("/tmp/file").write_text("longer")


def map_ids_twice() -> None:
    syscalls.unshare(Namespace.USER)
    syscalls.write("/proc/self/uid_map", "0 0 1\n0 0 1")


def map_owners(path: str, userns: int) -> None:
    tree = syscalls.open_tree(path, TreeFlag.CLONE)
    syscalls.mount_setattr(tree, TreeFlag.EMPTY_PATH, MountAttr.IDMAP, userns)


ROOT = IdMap(0, 0)
ABSENT = "/tmp/absent"
ALLOW = (6).to_bytes(4, sys.byteorder) + 0x7FFF_0000.to_bytes(4, sys.byteorder)


def set_filter(program: bytes = ALLOW, gives_up: bool = False, flags: int = 0) -> None:
    if gives_up:
        syscalls.prctl(Prctl.SET_NO_NEW_PRIVS, 1)
    syscalls.seccomp(Seccomp.SET_MODE_FILTER, flags, program)


def without_seccomp() -> None:
    """Have a filter answer as a kernel does that has none."""
    refuse = {"x86_64": 317, "ppc64le": 358}.get(os.uname().machine, 277)
    parts = (0x20, 0, 0), (0x15, 0x100, refuse), (6, 0, 0x5_0026), (6, 0, 0x7FFF_0000)
    syscalls.prctl(Prctl.SET_NO_NEW_PRIVS, 1)
    set_filter(b"".join(struct.pack("=HHI", *part) for part in parts))
    set_filter()


def two_listeners() -> None:
    set_filter(gives_up=True, flags=FilterFlag.NEW_LISTENER)
    set_filter(flags=FilterFlag.NEW_LISTENER)


WAYS: dict[tuple[str, int], Callable[[], object]] = {
    ("unshare", errno.EPERM): lambda: as_nobody(
        lambda: syscalls.unshare(Namespace.NET)
    ),
    ("unshare", errno.EINVAL): lambda: with_a_thread(
        lambda: syscalls.unshare(Namespace.USER)
    ),
    ("unshare", errno.ENOSPC): lambda: no_more(syscalls.unshare),
    ("clone", errno.EPERM): lambda: as_nobody(lambda: clone(Namespace.NET)),
    ("clone", errno.ENOSPC): lambda: no_more(clone),
    ("clone", errno.EAGAIN): lambda: one_more_process(clone),
    ("setns", errno.EPERM): leave_a_user_namespace,
    ("setns", errno.EINVAL): lambda: enter_ours(Namespace.USER),
    ("setns", errno.EBADF): lambda: syscalls.setns(-1, Namespace.UTS),
    ("setns", errno.EUSERS): lambda: with_a_thread(lambda: enter_ours(Namespace.TIME)),
    ("sethostname", errno.EPERM): lambda: as_nobody(lambda: syscalls.sethostname("x")),
    ("sethostname", errno.EINVAL): lambda: as_its_root(
        Namespace.UTS, lambda: syscalls.sethostname("x" * 65)
    ),
    ("mount", errno.EPERM): lambda: as_nobody(
        lambda: syscalls.mount("none", "/tmp", "tmpfs")
    ),
    ("mount proc", errno.EPERM): lambda: with_mounts(
        lambda: syscalls.mount("proc", "/tmp", "proc")
    ),
    ("mount", errno.ENOENT): lambda: with_mounts(lambda: mounts.bind(ABSENT, "/tmp")),
    ("mount", errno.ENOTDIR): lambda: with_mounts(
        lambda: mounts.bind("/tmp/directory", "/tmp/file")
    ),
    ("mount", errno.ENODEV): lambda: with_mounts(
        lambda: syscalls.mount("none", "/tmp", "no-such-filesystem")
    ),
    ("mount", errno.EINVAL): lambda: with_mounts(remount_with_an_id),
    ("move_mount", errno.EINVAL): lambda: with_mounts(move_a_directory_on_a_file),
    ("umount2", errno.EBUSY): lambda: with_mounts(unmount_in_use),
    ("umount2", errno.EINVAL): lambda: with_mounts(lambda: syscalls.umount2("/proc")),
    ("pivot_root", errno.EBUSY): lambda: with_mounts(pivot_to_a_directory_of_the_root),
    ("pivot_root", errno.EINVAL): lambda: with_mounts(pivot_to_a_directory),
    ("capset", errno.EPERM): lambda: as_nobody(lambda: syscalls.capset(1, 1, 0)),
    ("chroot", errno.EPERM): lambda: as_nobody(lambda: syscalls.chroot("/tmp")),
    ("chdir", errno.ENOENT): lambda: syscalls.chdir(ABSENT),
    ("open_tree", errno.ENOENT): lambda: with_mounts(
        lambda: syscalls.open_tree(ABSENT, TreeFlag.CLONE)
    ),
    ("seccomp", errno.EACCES): lambda: as_nobody(set_filter),
    ("seccomp", errno.EINVAL): lambda: set_filter(b"", gives_up=True),
    ("seccomp", errno.ENOSYS): without_seccomp,
    ("seccomp", errno.EBUSY): two_listeners,
    ("mount_setattr", errno.EPERM): lambda: as_its_root(
        Namespace.MNT, lambda: map_owners("/etc", idmaps.make([ROOT], [ROOT]))
    ),
    ("mount_setattr", errno.EINVAL): lambda: with_mounts(
        lambda: map_owners("/tmp", os.open(link(Namespace.USER), os.O_RDONLY))
    ),
    ("setgroups", errno.EPERM): lambda: as_its_root(0, syscalls.setgroups),
    ("setuid", errno.EINVAL): lambda: as_its_root(0, lambda: syscalls.setuid(7)),
    ("setgid", errno.EINVAL): lambda: as_its_root(0, lambda: syscalls.setgid(7)),
    ("open", errno.EMFILE): lambda: with_limit(
        resource.RLIMIT_NOFILE, 0, lambda: syscalls.open_path("/")
    ),
    ("open", errno.ENOSPC): lambda: with_mounts(make_a_file_too_many),
    ("open", errno.EFBIG): lambda: with_mounts(
        lambda: with_limit(resource.RLIMIT_FSIZE, 1, write_beyond_the_end)
    ),
    ("write", errno.EPERM): map_twice,
    ("write", errno.EINVAL): map_ids_twice,
    ("write", errno.ENOENT): lambda: syscalls.write(f"{ABSENT}/memory.swap.max", "0"),
    ("write", errno.EACCES): lambda: as_nobody(
        lambda: syscalls.write("/proc/self/oom_score_adj", "-1000")
    ),
    ("posix_spawn", errno.ENOENT): lambda: spawn(ABSENT),
    ("posix_spawn", errno.EACCES): lambda: spawn("/tmp/script", "#!/bin/sh", 0o644),
    ("posix_spawn", errno.ENOEXEC): lambda: spawn("/tmp/text", "some words"),
    ("posix_spawn", errno.ELOOP): lambda: with_mounts(start_a_link_to_itself),
    ("posix_spawn", errno.EAGAIN): lambda: one_more_process(lambda: start("/bin/true")),
}
IN_A_GROUP: dict[tuple[str, int], Callable[[Path], object]] = {
    ("clone", errno.ENOENT): be_born_in_what_is_gone,
    ("clone", errno.EOPNOTSUPP): lambda group: be_born_in(invalid(group)),
    ("write", errno.EOPNOTSUPP): lambda group: syscalls.write(
        invalid(group) / "cgroup.procs", "0"
    ),
}
ELSEWHERE = {  # what stands in the way of a test
    ("mkdir", errno.ENOMEM): "a limit on memory below what any test could run with",
    ("keyctl", errno.EDQUOT): "the number of keys is the user's, on the whole machine",
    ("setgroups", errno.EINVAL): "it takes ids beside one's own",
    ("open", errno.EDQUOT): "few disks have a quota",
    ("open", errno.ENFILE): "this number is the machine's",
    ("open", errno.ENOMEM): "how much memory is enough differs",
    ("write", errno.EBUSY): "where memory belongs to v1, v2 has no controller",
}
