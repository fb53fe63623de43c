"""inherited: what a child would have from this thread, beside its memory and files.

The kernel hands down limits, rights, namespaces, cgroups and more, each time that a
process is made.  So a process that we have started can make our children for us, and
they are as if they were our own, as long as this is the same:

    >>> of_this_thread() == of_this_thread()
    True

Not in it are the directory and the environment; what hardly anybody changes, as with
ionice(1), numactl(8) and keyctl(1); and whether Ctrl-C is ignored, because a Jupyter
kernel does that whenever no cell runs.
"""

import os
import resource

from cfslib.children import over_exec
from cfslib.kernel import libc

# Of /proc/PID/status: see proc(5).
_FIELDS = (
    *("Umask:", "Uid:", "Gid:", "Groups:", "SigBlk:", "NoNewPrivs:", "Seccomp"),
    *("CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "THP_enabled:"),
    *("Speculation", "Cpus_allowed:", "Mems_allowed:"),
)
# Of /proc/PID/ns.  A process never changes its own `pid`, and `time` only with this:
_NAMESPACES = (
    *("cgroup", "ipc", "mnt", "net", "user", "uts"),
    *("pid_for_children", "time_for_children"),
)
_LIMITS = sorted({n for name, n in vars(resource).items() if name[:7] == "RLIMIT_"})
_GET_SECUREBITS = 27  # is root more than others?  Values: <linux/prctl.h>
_GET_TIMERSLACK = 30  # how late a timer may be
_SIGINT = 1 << 1  # in a set of signals, where the first has number 1


def of_this_thread() -> tuple[object, ...]:
    """Return all of it, as values to be compared; takes some 60 microseconds."""
    thread = os.open("/proc/thread-self", os.O_PATH | os.O_CLOEXEC)
    try:
        return (
            *_of_status(_read("status", thread)),
            _read("cgroup", thread),
            _read("oom_score_adj", thread),
            *[_link(f"ns/{name}", thread) for name in _NAMESPACES],
            *map(resource.getrlimit, _LIMITS),
            os.getpriority(os.PRIO_PROCESS, 0),
            os.sched_getscheduler(0),
            os.sched_getparam(0).sched_priority,
            os.stat("/")[1:3],  # is it another directory, after chroot(2)?
            libc.prctl(over_exec.GET_DUMPABLE, 0),
            libc.prctl(_GET_SECUREBITS, 0),
            libc.prctl(_GET_TIMERSLACK, 0),
        )
    finally:
        os.close(thread)


def _of_status(text: str) -> list[object]:
    kept: list[object] = [line for line in text.split("\n") if line.startswith(_FIELDS)]
    return [*kept, over_exec.ignored(text) & ~_SIGINT]


def _read(name: str, thread: int) -> str:
    """Return the text of a file, or nothing where the kernel has no such file."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=thread)
    except FileNotFoundError:
        return ""
    try:
        return os.read(file, 1 << 16).decode(errors="surrogateescape")
    finally:
        os.close(file)


def _link(name: str, thread: int) -> str:
    """Return where a link leads; nothing while there is no such namespace yet."""
    try:
        return os.readlink(name, dir_fd=thread)
    except FileNotFoundError:
        return ""
