"""libc: the calls that put a container together, as plain functions.

They take what C takes: numbers, and bytes for text.  One that fails raises `OSError`
with errno and no text.  `syscalls` gives them names for their arguments, and errors
that a reader can use.

On the way of every `cfs run`, and so without `ctypes` and `os`: see `ffi`.
"""

import posix
import sys

from cfslib.kernel.ffi import (
    Int,
    KeepsTheLock,
    PairOfInts,
    Pointer,
    Text,
    UnsignedInt,
    UnsignedLong,
    UnsignedLongs,
    declare,
    syscall,
    texts,
)

# libc has no keyctl() or seccomp(), and its clone() wants a stack for the child, so we
# use the numbers.  They differ between processors: <asm/unistd.h>.
_NR_CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "ppc64le": 120}
_NR_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271}
_NR_EXECVEAT = {"x86_64": 322, "aarch64": 281, "riscv64": 281, "ppc64le": 362}
_NR_SECCOMP = {"x86_64": 317, "aarch64": 277, "riscv64": 277, "ppc64le": 358}
# Newer than number 424, and so alike on every machine: <asm-generic/unistd.h>.
_NR_OPEN_TREE = 428
_NR_MOVE_MOUNT = 429
_NR_FSOPEN = 430
_NR_FSCONFIG = 431
_NR_FSMOUNT = 432
_NR_CLONE3 = 435
_NR_CLOSE_RANGE = 436
_NR_OPENAT2 = 437
_NR_MOUNT_SETATTR = 442
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_FDCWD = -100  # paths start at the current directory
_SIGCHLD = 17
_FS_CLOEXEC = 1
_CLONE_INTO_CGROUP = 1 << 33
_AF_UNIX = 1
_SOCK_SEQPACKET = 5
_SOL_SOCKET = 1
_SO_RCVTIMEO = 20
_ENOSYS = 38
WALL = 0x4000_0000  # for waitpid(2) and waitid(2): also children that end quietly

unshare = declare("unshare", Int, Int)
setns = declare("setns", Int, Int, Int)
mount = declare("mount", Int, Text, Text, Text, UnsignedLong, Text)
umount2 = declare("umount2", Int, Text, Int)
pivot_root = declare("pivot_root", Int, Text, Text)
_sethostname = declare("sethostname", Int, Text, UnsignedLong)
_prctl = declare("prctl", Int, Int, Pointer, *[UnsignedLong] * 3)
_capget = declare("capget", Int, Text, Pointer)
_capset = declare("capset", Int, Text, Text)
_getrlimit = declare("getrlimit", Int, Int, Pointer)
_setrlimit = declare("setrlimit", Int, Int, Text)
_socketpair = declare("socketpair", Int, Int, Int, Int, Pointer)
_setsockopt = declare("setsockopt", Int, Int, Int, Int, Text, UnsignedInt)
_close_range = syscall(UnsignedInt, UnsignedInt, UnsignedInt)
getcpu = declare("sched_getcpu", Int)
_flock = declare("flock", Int, Int, Int)
_memset = declare("memset", None, Pointer, Int, UnsignedLong)
_memmove = declare("memmove", None, Pointer, Text, UnsignedLong)
_clone = syscall(UnsignedLong, *[Pointer] * 4, kind=KeepsTheLock)
_clone3 = syscall(Text, UnsignedLong, kind=KeepsTheLock)
_before_fork = declare("PyOS_BeforeFork", None, kind=KeepsTheLock)
_after_fork_child = declare("PyOS_AfterFork_Child", None, kind=KeepsTheLock)
_after_fork_parent = declare("PyOS_AfterFork_Parent", None, kind=KeepsTheLock)
_execveat = syscall(Int, Text, Pointer, Pointer, Int)
_keyctl = syscall(Int, Text)
_seccomp = syscall(UnsignedInt, UnsignedInt, Text)
_open_tree = syscall(Int, Text, Int)
_openat2 = syscall(Int, Text, Text, UnsignedLong)
_move_mount = syscall(Int, Text, Int, Text, Int)
_fsopen = syscall(Text, UnsignedInt)
_fsconfig = syscall(Int, UnsignedInt, Text, Text, Int)
_fsmount = syscall(Int, UnsignedInt, UnsignedInt)
_mount_setattr = syscall(Int, Text, Int, Text, UnsignedLong)

chdir = posix.chdir
chroot = posix.chroot
close = posix.close
mkdir = posix.mkdir
mknod = posix.mknod
open = posix.open
symlink = posix.symlink


def clone(flags: int, cgroup: "int | None" = None, at_its_end: int = _SIGCHLD) -> int:
    """Fork, with the child in new namespaces; return its pid here and 0 there.

    It may be born in a cgroup, of v2, for which there is a file descriptor.  At its end
    we get a signal.
    """
    number = _number("clone", _NR_CLONE)
    # What os.fork does around its own call: <Python.h>, "PyOS_BeforeFork".
    _before_fork()
    pid = -1
    try:
        if cgroup is None:
            pid = _clone(number, flags | at_its_end, None, None, None, None)
        else:
            pid = _clone3(_NR_CLONE3, *_clone_args(flags, at_its_end, cgroup))
    finally:
        if pid == 0:
            _after_fork_child()
        else:
            _after_fork_parent()
    return pid


def _clone_args(flags: int, at_its_end: int, cgroup: int) -> "tuple[bytes, int]":
    """Return struct clone_args and its size: flags, the signal at its end, ..."""
    nothing = [0, 0, 0]
    parts = [flags | _CLONE_INTO_CGROUP, *nothing, at_its_end, *nothing, 0, 0, cgroup]
    args = _packed(8, *parts)
    return args, len(args)


def clone_quietly(flags: int, cgroup: "int | None" = None) -> int:
    """Fork, with a child that ends without a signal; see `wait_for`.

    Whoever ignores SIGCHLD would never hear how a child ended, and a handler for it may
    wait for all the children there are.  This one is not among them: see clone(2).
    """
    return clone(flags, cgroup, at_its_end=0)


def fork_quietly() -> int:
    """Fork as `posix.fork` does, and say what is wrong as it does; see above."""
    try:
        return clone_quietly(0)
    except OSError as error:
        code = error.errno or 0
        raise OSError(code, posix.strerror(code)) from None


def wait_for(pid: int) -> int:
    """Wait for the end of a child, quiet or not; return its wait status."""
    return posix.waitpid(pid, WALL)[1]


def keyctl(operation: int, name: "bytes | None") -> None:
    """Do something with the keys of this process; what, is a number."""
    _keyctl(_number("keyctl", _NR_KEYCTL), operation, name)


def sethostname(name: bytes) -> int:
    """Rename the UTS namespace that we are in."""
    return _sethostname(name, len(name))


def prctl(option: int, value: "int | bytes", more: int = 0) -> int:
    """Change one property of this process; a few options take two values."""
    return _prctl(option, value, more, 0, 0)


def seccomp(operation: int, flags: int, program: bytes) -> int:
    """Do something about the filters of this process; what, is a number."""
    number = _number("seccomp", _NR_SECCOMP)
    return _seccomp(number, operation, flags, _with_length(program))


def _with_length(program: bytes) -> bytes:
    """Return struct sock_fprog: how many instructions of 8 bytes, and where they are.

    The program has to stay in memory as long as this is used.
    """
    return _packed(8, len(program) // 8, _address(program))


def capget() -> "tuple[int, int, int]":
    """Return the capabilities of this process, one bit each.

    That is: the effective ones, the permitted ones, the inheritable ones.
    """
    buffer = UnsignedLongs()
    _capget(_CAPABILITY_HEADER, buffer)
    data = bytes(buffer)
    halves = [data[at : at + 4] for at in range(0, 24, 4)]
    effective, permitted, inheritable = (
        int.from_bytes(low, sys.byteorder) | int.from_bytes(high, sys.byteorder) << 32
        for low, high in zip(halves[:3], halves[3:], strict=True)
    )
    return effective, permitted, inheritable


def capset(effective: int, permitted: int, inheritable: int) -> int:
    """Set the capabilities of this process, one bit each."""
    halves = [
        bits >> shift & 0xFFFF_FFFF
        for shift in (0, 32)
        for bits in (effective, permitted, inheritable)
    ]
    return _capset(_CAPABILITY_HEADER, _packed(4, *halves))


def getrlimit(resource: int) -> "tuple[int, int]":
    """Return what this process may take of something, and at most ask for."""
    limits = UnsignedLongs()
    _getrlimit(resource, limits)
    return limits[0], limits[1]


def setrlimit(resource: int, soft: int, hard: int) -> int:
    """Limit what this process, or its user, may take of something."""
    return _setrlimit(resource, _packed(8, soft, hard))


def setgroups(groups: "list[int]") -> None:
    """Be a member of these groups and of no others but one's own."""
    posix.setgroups(groups)


def setuid(uid: int) -> None:
    """Become this user, for good."""
    posix.setresuid(uid, uid, uid)


def setgid(gid: int) -> None:
    """Become a member of this group, for good."""
    posix.setresgid(gid, gid, gid)


def write(path: bytes, text: bytes) -> int:
    """Set a file of the kernel's in one go."""
    fd = posix.open(path, posix.O_WRONLY)
    try:
        return posix.write(fd, text)
    finally:
        posix.close(fd)


def openat2(
    path: "str | bytes", flags: int, resolve: int, directory: int = _AT_FDCWD
) -> int:
    """Open a file, and say which links may be on the way to it; closed on exec."""
    if isinstance(path, str):
        path = path.encode("utf-8", "surrogateescape")
    how = _packed(8, flags | posix.O_CLOEXEC, 0, resolve)
    return _openat2(_NR_OPENAT2, directory, path, how, len(how))


def execveat(
    directory: int, name: bytes, argv: "list[bytes]", environment: "list[bytes]"
) -> int:
    """Become a program in a directory, unless it is a link."""
    number = _number("execveat", _NR_EXECVEAT)
    words, variables = texts(argv), texts(environment)
    return _execveat(number, directory, name, words, variables, _AT_SYMLINK_NOFOLLOW)


def open_tree(path: bytes, flags: int) -> int:
    """Return a file descriptor of the mounts at `path`, or of a copy of them."""
    return _open_tree(_NR_OPEN_TREE, _AT_FDCWD, path, flags)


def move_mount(tree: int, target: "bytes | int", flags: int) -> int:
    """Hang the mounts behind a file descriptor at `target`, maybe one itself."""
    place, path = (_AT_FDCWD, target) if isinstance(target, bytes) else (target, b"")
    return _move_mount(_NR_MOVE_MOUNT, tree, b"", place, path, flags)


def mount_setattr(tree: int, flags: int, attributes: int, userns: int = 0) -> int:
    """Set attributes such as read-only on the mounts behind a file descriptor."""
    # struct mount_attr: to set, to clear, propagation, user namespace.
    wanted = _packed(8, attributes, 0, 0, userns)
    return _mount_setattr(_NR_MOUNT_SETATTR, tree, b"", flags, wanted, len(wanted))


def fsopen(fstype: bytes) -> int:
    """Return a file descriptor of a filesystem that is to be made."""
    return _fsopen(_NR_FSOPEN, fstype, _FS_CLOEXEC)


def fsconfig(fd: int, command: int, key: "bytes | None", value: "bytes | None") -> int:
    """Set an option of such a filesystem, or make it."""
    return _fsconfig(_NR_FSCONFIG, fd, command, key, value, 0)


def fsmount(fd: int, attributes: int) -> int:
    """Return a file descriptor of a mount of it, which is at no place yet."""
    return _fsmount(_NR_FSMOUNT, fd, _FS_CLOEXEC, attributes)


def socketpair(patience: int) -> "tuple[int, int]":
    """Return two sockets that are connected with each other, closed on exec.

    Who reads from the first one waits for no more than `patience` seconds.
    """
    pair = PairOfInts()
    _socketpair(_AF_UNIX, _SOCK_SEQPACKET | posix.O_CLOEXEC, 0, pair)
    timeout = _packed(8, patience, 0)  # struct timeval
    _setsockopt(pair[0], _SOL_SOCKET, _SO_RCVTIMEO, timeout, len(timeout))
    return pair[0], pair[1]


def move_elsewhere(pid: int) -> None:
    """Have a process run on another processor than ours, and from then on any.

    It stays where it is if there is no other, or we may not choose.
    """
    every = posix.sched_getaffinity(0)
    try:
        posix.sched_setaffinity(pid, every - {getcpu()})
    except OSError:
        return
    posix.sched_setaffinity(pid, every)


def flock(fd: int, operation: int) -> int:
    """Lock an open file, or unlock it."""
    return _flock(fd, operation)


def close_from(first: int) -> None:
    """Close every descriptor from this number on.

    A process may have more of them than its limit, by now, allows.
    """
    _close_range(_NR_CLOSE_RANGE, first, 2**32 - 1, 0)


def overwrite(address: int, size: int, text: bytes) -> None:
    """Fill memory of this process with zeros, but for `text` at its start."""
    _memset(address, 0, size)
    _memmove(address, text, min(size, len(text)))


def _number(call: str, numbers: "dict[str, int]") -> int:
    machine = posix.uname().machine
    if machine not in numbers:
        raise OSError(_ENOSYS, f"the number of {call} on {machine} is unknown")
    return numbers[machine]


def _address(data: bytes) -> int:
    """Return where bytes are in memory, as long as they are there."""
    return int.from_bytes(bytes(Text(data)), sys.byteorder)


def _packed(size: int, *numbers: int) -> bytes:
    return b"".join(number.to_bytes(size, sys.byteorder) for number in numbers)


# Version 3 of the format: two structs of 32 bits each, the low halves first.
_CAPABILITY_HEADER = _packed(4, 0x2008_0522, 0)
