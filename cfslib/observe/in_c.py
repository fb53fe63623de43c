"""in_c: the calls that a trace shows, written in C.

What `tracing` notes down is one function call in C each, or a few where C makes more
words of it:

    >>> print(written(Call("chdir", {"path": "/"}, 0, 0, 0, 0)))
    chdir("/");
"""

import os
import signal
from collections.abc import Callable, Iterable, Sequence

from cfslib.kernel.syscalls import Prctl
from cfslib.kernel.tracing import Call
from cfslib.observe.c_values import value

HEADERS = (
    "fcntl.h",
    "grp.h",
    "linux/capability.h",
    "linux/filter.h",
    "linux/keyctl.h",
    "linux/mount.h",
    "linux/sched.h",
    "linux/seccomp.h",
    "sched.h",
    "signal.h",
    "spawn.h",
    "stdint.h",
    "sys/mount.h",
    "sys/prctl.h",
    "sys/resource.h",
    "sys/stat.h",
    "sys/syscall.h",
    "unistd.h",
)


def written(call: Call) -> str:
    """Return one call as statements of C."""
    values = list(call.arguments.values())
    if unusual := _UNUSUAL.get(call.name):
        return unusual(values)
    return f"{call.name}({_listed(values)});"


def program(calls: Iterable[Call]) -> str:
    """Return the calls of one process as a function of C, with the headers it needs."""
    includes = [f"#include <{header}>" for header in HEADERS]
    lines = [f"    {line}" for call in calls for line in written(call).split("\n")]
    start = ["#define _GNU_SOURCE", *includes, "", "void start(void)", "{"]
    return "\n".join([*start, *lines, "}", ""])


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(value, values))


def _block(*lines: str) -> str:
    return "\n".join(["{", *(f"    {line}" for line in lines), "}"])


# libc has no function of this name, or one that wants other arguments.


def _by_number(name: str) -> Callable[[Sequence[object]], str]:
    return lambda values: f"syscall(SYS_{name}, {_listed(values)});"


def _clone(values: Sequence[object]) -> str:
    flags, *born_in = map(value, values)
    if born_in:
        flags = " | ".join([flags, "CLONE_INTO_CGROUP"])
        parts = f".flags = {flags}, .exit_signal = SIGCHLD, .cgroup = {born_in[0]}"
        return _block(
            f"struct clone_args child = {{{parts}}};",
            "syscall(SYS_clone3, &child, sizeof child);",
        )
    flags = " | ".join([flags, "SIGCHLD"]) if values[0] else "SIGCHLD"
    # clone(2): libc's function of this name wants a stack, the kernel does not.
    return f"syscall(SYS_clone, {flags}, NULL, NULL, NULL, NULL);"


def _sethostname(values: Sequence[object]) -> str:
    name = str(values[0])
    return f"sethostname({value(name)}, {len(os.fsencode(name))});"


def _prctl(values: Sequence[object]) -> str:
    option, of, *more = values
    if option == Prctl.SET_PDEATHSIG and isinstance(of, int):
        shown = signal.Signals(of).name
    else:
        shown = value(of)
    further = _listed([*more, 0, 0, 0][:3])
    return f"prctl({value(option)}, {shown}, {further});"


def _seccomp(values: Sequence[object]) -> str:
    return _block(
        "extern struct sock_fprog filter;",  # too long to be written here
        f"syscall(SYS_seccomp, {_listed(values)}, &filter);",
    )


def _setid(name: str) -> Callable[[Sequence[object]], str]:
    return lambda values: f"{name}({_listed([*values] * 3)});"


def _capset(values: Sequence[object]) -> str:
    sets = [int(str(bits)) for bits in values]
    halves = ["{" + _in_hex(sets, shift) + "}" for shift in (0, 32)]
    return _block(
        "struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};",
        f"struct __user_cap_data_struct sets[] = {{{', '.join(halves)}}};",
        "syscall(SYS_capset, &header, sets);",
    )


def _in_hex(sets: Sequence[int], shift: int) -> str:
    return ", ".join(f"0x{bits >> shift & 0xFFFF_FFFF:x}" for bits in sets)


def _setgroups(values: Sequence[object]) -> str:
    groups = values[0] if isinstance(values[0], list) else []
    if not groups:
        return "setgroups(0, NULL);"
    return _block(
        f"gid_t groups[] = {{{_listed(groups)}}};",
        f"setgroups({len(groups)}, groups);",
    )


def _write(values: Sequence[object]) -> str:
    path, text = values
    return _block(
        f"int file = open({value(path)}, O_WRONLY);",
        f"write(file, {value(text)}, {len(os.fsencode(str(text)))});",
        "close(file);",
    )


def _posix_spawn(values: Sequence[object]) -> str:
    argv = values[0] if isinstance(values[0], list) else []
    words = _listed([*argv, None])
    return _block(
        "pid_t child;",
        f"char *argv[] = {{{words}}};",
        "posix_spawnp(&child, argv[0], NULL, NULL, argv, environ);",
    )


def _open_tree(values: Sequence[object]) -> str:
    return f"syscall(SYS_open_tree, AT_FDCWD, {_listed(values)});"


def _fsmount(values: Sequence[object]) -> str:
    context, attributes = map(value, values)
    # Their numbers are those of mount(2): MS_NODEV is MOUNT_ATTR_NODEV.
    return f"syscall(SYS_fsmount, {context}, FSMOUNT_CLOEXEC, {attributes});"


def _move_mount(values: Sequence[object]) -> str:
    tree, target, flags = map(value, values)
    place = f'{target}, ""' if isinstance(values[1], int) else f"AT_FDCWD, {target}"
    return f'syscall(SYS_move_mount, {tree}, "", {place}, {flags});'


def _mount_setattr(values: Sequence[object]) -> str:
    tree, flags, attributes, *userns = map(value, values)
    more = f", .userns_fd = {userns[0]}" if userns else ""
    return _block(
        f"struct mount_attr wanted = {{.attr_set = {attributes}{more}}};",
        f'syscall(SYS_mount_setattr, {tree}, "", {flags}, &wanted, sizeof wanted);',
    )


def _setrlimit(values: Sequence[object]) -> str:
    resource, soft, hard = map(value, values)
    return _block(
        f"struct rlimit limit = {{{soft}, {hard}}};",
        f"setrlimit({resource}, &limit);",
    )


_UNUSUAL: dict[str, Callable[[Sequence[object]], str]] = {
    "clone": _clone,
    "fsopen": lambda values: f"syscall(SYS_fsopen, {_listed(values)}, FSOPEN_CLOEXEC);",
    "fsconfig": lambda values: f"syscall(SYS_fsconfig, {_listed(values)}, 0);",
    "fsmount": _fsmount,
    "pivot_root": _by_number("pivot_root"),
    "sethostname": _sethostname,
    "keyctl": _by_number("keyctl"),
    "prctl": _prctl,
    "seccomp": _seccomp,
    "setgroups": _setgroups,
    "setrlimit": _setrlimit,
    "setuid": _setid("setresuid"),
    "setgid": _setid("setresgid"),
    "capset": _capset,
    "write": _write,
    "posix_spawn": _posix_spawn,
    "open_tree": _open_tree,
    "move_mount": _move_mount,
    "mount_setattr": _mount_setattr,
}
