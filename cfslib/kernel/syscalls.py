"""The system calls that Python's standard library leaves out.

Each wrapper names its arguments and asks libc.  The manual page of the same name
documents them, so `man 2 mount` is the long form of `mount()` below.  A call that
fails raises the ordinary `OSError` subclass for its errno; the text is the call as
it was made, and a note says what usually causes it.  A few calls that Python does
have are here too, so that `trace()` shows all that made a container:

    >>> with trace() as calls:
    ...     prctl(Prctl.SET_NAME, "demo")
    >>> str(calls[0])
    'prctl(SET_NAME, "demo") = 0'
"""

import posix

from cfslib.kernel import libc, program
from cfslib.kernel.flags import Flag, Number
from cfslib.kernel.tracing import Trace, ask, trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Trace", "trace"]

DEFAULT_PATH = b"/bin:/usr/bin"  # where nobody has set another


class Prctl(Number):
    """What prctl(2) changes about this process.  Values: <linux/prctl.h>."""

    SET_PDEATHSIG = 1  # the signal to get when our parent ends
    SET_DUMPABLE = 4  # 0: processes with our user id may not look into us
    SET_NAME = 15  # the process name that ps shows
    SET_KEEPCAPS = 8  # 1: keep what is permitted when the last uid of root's goes
    CAPBSET_READ = 23  # is there a capability that exec can give?
    CAPBSET_DROP = 24  # a capability that exec can never bring back
    SET_SECUREBITS = 28  # what root's uid is worth by itself
    SET_CHILD_SUBREAPER = 36  # adopt the orphans among our descendants
    SET_NO_NEW_PRIVS = 38  # 1: no exec gives more rights than there were before it
    GET_NO_NEW_PRIVS = 39  # is that so?
    CAP_AMBIENT = 47  # capabilities that every exec gives, to any user


class Resource(Number):
    """What setrlimit(2) limits.  Values: <sys/resource.h>."""

    NPROC = 6  # processes of this user, in this user namespace
    NOFILE = 7  # files that a process has open


class Keyctl(Number):
    """What keyctl(2) is to do.  Values: <linux/keyctl.h>."""

    JOIN_SESSION_KEYRING = 1


class Seccomp(Number):
    """What seccomp(2) is to do.  Values: <linux/seccomp.h>."""

    SET_MODE_FILTER = 1  # run this program before each call


class FilterFlag(Flag):
    """How a filter is set.  <linux/seccomp.h>, where SECCOMP_FILTER_FLAG_ is first."""

    TSYNC = 1  # for all threads of this process
    LOG = 2  # write down what it refuses
    SPEC_ALLOW = 4  # leave the processor as fast as it was
    NEW_LISTENER = 8  # return a descriptor, by which others answer calls


class OpenFlag(Flag):
    """How open(2) opens.  Values: <fcntl.h>, where O_ comes before them."""

    PATH = posix.O_PATH  # not the file, only its place
    CLOEXEC = posix.O_CLOEXEC  # closed in the programs that we start


class TreeFlag(Flag):
    """For the calls on trees of mounts.  Values: <linux/mount.h>, <linux/fcntl.h>."""

    CLONE = 0x1  # OPEN_TREE_CLONE: a copy, as a bind mount is
    FROM_FD = 0x4  # MOVE_MOUNT_F_EMPTY_PATH: the source is the descriptor
    TO_FD = 0x40  # MOVE_MOUNT_T_EMPTY_PATH: the target is one, too
    EMPTY_PATH = 0x1000  # AT_EMPTY_PATH: the descriptor itself
    RECURSIVE = 0x8000  # AT_RECURSIVE: with all mounts below
    CLOEXEC = posix.O_CLOEXEC


class MountAttr(Flag):
    """What only mount_setattr(2) sets.  Values: <linux/mount.h>, after MOUNT_ATTR_."""

    IDMAP = 0x10_0000  # show other owners, by the map of a user namespace


class Fsconfig(Number):
    """What fsconfig(2) is to do.  Values: <linux/mount.h>."""

    SET_STRING = 1  # an option of the filesystem
    CMD_CREATE = 6  # make it, with the options so far


class Mode(Number):
    """The permissions of a file, and its kind: see inode(7)."""

    def __str__(self) -> str:
        return f"0{int(self):o}"


def unshare(flags: int) -> None:
    """Swap the namespaces in `flags` for fresh, private ones."""
    ask("unshare", libc.unshare, flags=flags)


def clone(flags: int, cgroup: "int | None" = None, *, quiet: bool = False) -> int:
    """Fork, with the child in new namespaces; return its pid here and 0 there.

    The difference to `unshare` and `os.fork` is that the caller stays where it is.
    A process with threads must not do this, for the reasons in fork(2).  With the
    descriptor of a cgroup of v2 the child is born in there; then it is clone3(2).  A
    `quiet` child ends without SIGCHLD: see `libc.clone_quietly`.
    """
    function = libc.clone_quietly if quiet else libc.clone
    born_in = {} if cgroup is None else {"cgroup": cgroup}
    return ask("clone", function, flags=flags, **born_in)


def setns(fd: int, flags: int = 0) -> None:
    """Move into the namespace behind `fd`, or into those in `flags` of a pidfd."""
    ask("setns", libc.setns, fd=fd, flags=flags)


def mount(
    source: "str | Path | None",
    target: "str | Path",
    fstype: "str | None" = None,
    flags: int = 0,
    options: "str | None" = None,
) -> None:
    """Show a filesystem, or a directory once more, at `target`; or change a mount."""
    ask(
        "mount",
        libc.mount,
        source=source,
        target=target,
        fstype=fstype,
        flags=flags,
        options=options,
    )


def umount2(target: "str | Path", flags: int = 0) -> None:
    """Take the topmost mount at `target` away."""
    ask("umount2", libc.umount2, target=target, flags=flags)


def pivot_root(new_root: "str | Path", put_old: "str | Path") -> None:
    """Make `new_root` the root mount and hang the old one at `put_old`."""
    ask("pivot_root", libc.pivot_root, new_root=new_root, put_old=put_old)


def chroot(path: "str | Path") -> None:
    """Start the absolute paths of this process at `path`; change nothing else."""
    ask("chroot", libc.chroot, path=path)


def chdir(path: "str | Path") -> None:
    """Start the relative paths of this process at `path`."""
    ask("chdir", libc.chdir, path=path)


def mkdir(path: "str | Path", mode: int = 0o777) -> None:
    """Make a directory; the umask takes its bits from `mode`."""
    ask("mkdir", libc.mkdir, path=path, mode=Mode(mode))


def symlink(target: str, path: "str | Path") -> None:
    """Make a symbolic link at `path`."""
    ask("symlink", libc.symlink, target=target, path=path)


def mknod(path: "str | Path", mode: int, device: int = 0) -> None:
    """Make a device file, or an empty file; the umask takes its bits from `mode`."""
    ask("mknod", libc.mknod, path=path, mode=Mode(mode), device=device)


def open_path(path: "str | Path") -> int:
    """Return a file descriptor that stands for a place: see O_PATH in open(2)."""
    flags = OpenFlag.PATH | OpenFlag.CLOEXEC
    return ask("open", libc.open, path=path, flags=flags)


def close(fd: int) -> None:
    """Close a file descriptor."""
    ask("close", libc.close, fd=fd)


def sethostname(name: str) -> None:
    """Rename the UTS namespace this process is in; at most 64 bytes."""
    ask("sethostname", libc.sethostname, name=name)


def prctl(option: Prctl, value: "int | str", *more: int) -> None:
    """Change one property of this process; a few options take two values."""
    further = {"more": more[0]} if more else {}
    ask("prctl", libc.prctl, option=option, value=value, **further)


def seccomp(operation: Seccomp, flags: int, program: bytes) -> int:
    """Set a filter for each of our calls, from now on and in all that come after.

    `program` is a row of struct sock_filter.  With NEW_LISTENER, return a descriptor.
    """
    return ask(
        "seccomp",
        lambda operation, flags: libc.seccomp(operation, flags, program),
        operation=operation,
        flags=flags,
    )


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set the capabilities of this process, one bit each: see capabilities(7)."""
    ask(
        "capset",
        libc.capset,
        effective=effective,
        permitted=permitted,
        inheritable=inheritable,
    )


def setrlimit(resource: Resource, soft: int, hard: int) -> None:
    """Limit how much of a resource this process may take."""
    ask("setrlimit", libc.setrlimit, resource=resource, soft=soft, hard=hard)


def setgroups(groups: "Sequence[int]" = ()) -> None:
    """Be in these groups beside one's own, and in no others."""
    ask("setgroups", libc.setgroups, groups=list(groups))


def setuid(uid: int) -> None:
    """Become user `uid`, for good."""
    ask("setuid", libc.setuid, uid=uid)


def setgid(gid: int) -> None:
    """Become a member of group `gid`, for good."""
    ask("setgid", libc.setgid, gid=gid)


def write(path: "str | Path", text: str) -> None:
    """Set a file of the kernel's, such as uid_map or pids.max, in one go."""
    ask("write", libc.write, path=path, text=text)


def open_tree(path: "str | Path", flags: int) -> int:
    """Return a file descriptor of the mounts at `path`, or of a copy of them."""
    return ask("open_tree", libc.open_tree, path=path, flags=flags)


def fsopen(fstype: str) -> int:
    """Return a file descriptor of a filesystem that is to be made."""
    return ask("fsopen", libc.fsopen, fstype=fstype)


def fsconfig(
    fd: int, command: Fsconfig, key: "str | None", value: "str | None"
) -> None:
    """Set an option of such a filesystem, or make it."""
    ask("fsconfig", libc.fsconfig, fd=fd, command=command, key=key, value=value)


def fsmount(fd: int, attributes: int) -> int:
    """Return a file descriptor of a mount of it, which is at no place yet."""
    return ask("fsmount", libc.fsmount, fd=fd, attributes=attributes)


def move_mount(tree: int, target: "str | Path | int", flags: int) -> None:
    """Hang the mounts behind the file descriptor `tree` at `target`.

    With TO_FD in `flags`, that is a file descriptor too.
    """
    ask("move_mount", libc.move_mount, tree=tree, target=target, flags=flags)


def mount_setattr(
    tree: int, flags: int, attributes: int, userns: "int | None" = None
) -> None:
    """Set attributes on the mounts behind `tree`: RDONLY, NOSUID, NODEV, NOEXEC.

    They have the numbers of `MountFlag`, as MOUNT_ATTR_RDONLY and so on.  For
    `MountAttr.IDMAP`, the file descriptor `userns` is a user namespace with the map.
    """
    named = {} if userns is None else {"userns": userns}
    ask(
        "mount_setattr",
        libc.mount_setattr,
        tree=tree,
        flags=flags,
        attributes=attributes,
        **named,
    )


def keyctl(operation: Keyctl, name: "str | None") -> None:
    """Do something with the keys of this process."""
    ask("keyctl", libc.keyctl, operation=operation, name=name)


def posix_spawn(argv: "Sequence[str]", env: "Mapping[str, str]") -> int:
    """Start a program as a child; return its pid.

    It is found in the PATH of `env`, or in ours if that has none.  Signals are to it as
    to a fresh process.  See `program`.
    """
    ours = posix.environ.get(b"PATH", DEFAULT_PATH).decode("utf-8", "surrogateescape")
    path = env.get("PATH", ours)
    return ask(
        "posix_spawn", lambda argv: program.spawn(argv, env, path), argv=list(argv)
    )
