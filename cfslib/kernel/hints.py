"""Hints: what a refused call usually means, and what to do about it.

The kernel answers "no" with a number.  The same number has many causes, but for
one call there is usually one, and one thing to type:

    >>> hint_for("unshare", errno.EINVAL)
    'no new USER for a process with several threads; use children.in_child.'
    >>> hint_for("unshare", errno.EIO) is None
    True
"""

import errno

_NEEDS_ROOT = "only root may do this alone; add Namespace.USER, or ask `cfs doctor`."
_TOO_MANY = "too many namespaces, or too deep; see /proc/sys/user/max_*_namespaces."
_INVALID = "a sibling is threaded, so this cgroup is `domain invalid`: see cgroup.type."
_PROCESSES = "a limit on processes was reached: pids.max or `ulimit -u`."

HINTS = {
    ("unshare", errno.EPERM): _NEEDS_ROOT,
    ("unshare", errno.EINVAL): (
        "no new USER for a process with several threads; use children.in_child."
    ),
    ("unshare", errno.ENOSPC): _TOO_MANY,
    ("clone", errno.EPERM): _NEEDS_ROOT,
    ("clone", errno.ENOSPC): _TOO_MANY,
    ("clone", errno.EAGAIN): _PROCESSES,
    ("clone", errno.ENOENT): "the cgroup that it should be born in is gone.",
    ("clone", errno.EOPNOTSUPP): _INVALID,
    ("setns", errno.EPERM): (
        "enter the user namespace that owns it first, or be root; no call leads back "
        "out of a USER namespace."
    ),
    ("setns", errno.EINVAL): (
        "with several threads neither MNT nor USER; and never the USER we are in."
    ),
    ("setns", errno.EBADF): (
        "it takes an open file and no pid; namespaces.enter takes a pid and opens it."
    ),
    ("setns", errno.EUSERS): "no TIME for a process with several threads.",
    ("sethostname", errno.EPERM): "a UTS namespace of one's own comes first.",
    ("sethostname", errno.EINVAL): "a hostname has at most 64 bytes.",
    ("mount", errno.EPERM): "a mount namespace of one's own comes first.",
    ("mount proc", errno.EPERM): (
        "proc takes a mount namespace of one's own and a PID namespace, which begins "
        "with the next child, and a fully visible outer /proc: ask `cfs doctor`."
    ),
    ("mount", errno.ENOENT): (
        "the source or the mount point does not exist: mkdir it, after the mounts that "
        "would cover it."
    ),
    ("mount", errno.ENOTDIR): "bind a file on a file, a directory on a directory.",
    ("mount", errno.ENODEV): (
        "no such filesystem (see /proc/filesystems); BIND and RDONLY are flags."
    ),
    ("mount", errno.EINVAL): (
        "not a mount point, neither bound nor with a type, or an option it does not "
        "know; a remount in a user namespace takes no uid= or gid= out of "
        "/proc/mounts: add `bind`."
    ),
    ("move_mount", errno.EINVAL): "a file goes on a file, a directory on a directory.",
    ("umount2", errno.EBUSY): (
        "something inside is in use, as `fuser -vm` says; with DETACH it goes all "
        "the same."
    ),
    ("umount2", errno.EINVAL): "not a mount point, or locked by an outer namespace.",
    ("pivot_root", errno.EBUSY): "the new root must be a mount point: bind it first.",
    ("pivot_root", errno.EINVAL): "the new root must be a mount point, and not shared.",
    ("capset", errno.EPERM): (
        "what is effective must be permitted, and the permitted set only gets smaller; "
        "what is added to inheritable must be in the bounding set, and without SETPCAP "
        "permitted."
    ),
    ("chroot", errno.EPERM): (
        "it takes SYS_CHROOT: root has it, and root of a new Namespace.USER."
    ),
    ("chdir", errno.ENOENT): "there is no such directory in what is now the root.",
    ("open_tree", errno.ENOENT): "there is no such directory or file on the host.",
    ("mkdir", errno.ENOMEM): "--memory may be too low: a cgroup itself takes some.",
    ("keyctl", errno.EDQUOT): (
        "each container takes one key: `sudo sysctl -w kernel.keys.maxkeys=2000`."
    ),
    ("seccomp", errno.EACCES): (
        "prctl(SET_NO_NEW_PRIVS, 1) comes first, unless one is root of a namespace."
    ),
    ("seccomp", errno.EINVAL): (
        "the kernel refuses this program; seccomp.machine.check says why."
    ),
    ("seccomp", errno.ENOSYS): (
        "this kernel has no filters of calls: `--security-opt seccomp=unconfined`."
    ),
    ("seccomp", errno.EBUSY): "another filter of this process has a listener already.",
    ("mount_setattr", errno.EPERM): (
        "for an id map: be root where the filesystem was mounted; and not twice."
    ),
    ("mount_setattr", errno.EINVAL): (
        "for an id map: a filesystem that takes none, a tree that has a place already, "
        "or the user namespace in which the filesystem was mounted."
    ),
    ("setgroups", errno.EPERM): "with one id, `deny` is in /proc/self/setgroups.",
    ("setgroups", errno.EINVAL): "a group has no place in the container's gid_map.",
    ("setuid", errno.EINVAL): "this id has no place in the container's uid_map.",
    ("setgid", errno.EINVAL): "this id has no place in the container's gid_map.",
    (
        "open",
        errno.ENOSPC,
    ): "the disk is full: `df` and `df -i` say which (`df -h`: in MB).",
    ("open", errno.EDQUOT): "this user's share of the disk is used up.",
    ("open", errno.ENFILE): "too many files are open on this machine.",
    ("open", errno.EMFILE): "a limit on open files was reached: see `ulimit -n`.",
    ("open", errno.ENOMEM): "memory is short, or limited: see `ulimit -v`.",
    ("open", errno.EFBIG): "files may only be so long here: see `ulimit -f`.",
    ("write", errno.EPERM): (
        "uid_map and gid_map take one write each, of ids that are ours to give; "
        "gid_map only after `deny` in setgroups; else ask `cfs doctor`."
    ),
    ("write", errno.EINVAL): (
        "the file does not take this text: a number that it cannot be, or a map with "
        "ids twice."
    ),
    ("write", errno.EACCES): (
        "less oom_score_adj than we have is for root of the machine; so are files that "
        "are not ours."
    ),
    ("write", errno.ENOENT): (
        "this kernel, or this cgroup, has no such file; those for swap want "
        "`swapaccount=1` at boot."
    ),
    ("write", errno.EBUSY): (
        "a cgroup with processes cannot hand on memory or io: move them to a leaf."
    ),
    ("write", errno.EOPNOTSUPP): _INVALID,
    ("posix_spawn", errno.ENOENT): (
        "no such program inside, or its loader or interpreter is missing."
    ),
    ("posix_spawn", errno.EACCES): "the file is there, but it is not executable.",
    ("posix_spawn", errno.ENOEXEC): "neither a program nor a script with a `#!` line.",
    ("posix_spawn", errno.ELOOP): (
        "links that lead in a circle, or out of the container by way of /proc."
    ),
    ("posix_spawn", errno.EAGAIN): _PROCESSES,
}


def hint_for(call: str, code: int) -> "str | None":
    """Return what usually makes `call` fail with errno `code`, if we know.

    A call may name its filesystem: "mount proc" asks for more than "mount".
    """
    return HINTS.get((call, code))
