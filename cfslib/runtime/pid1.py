"""pid1: what PID 1 does while the command runs: pass signals on, reap orphans.

The first process of a PID namespace has duties.  Orphans become its children, and
stay zombies until it waits for them.  The kernel shields it: signals it has no
handler for are dropped, so `kill 1` does nothing.  When it ends, everything else in
the namespace is killed.  See pid_namespaces(7).

On the way of every `cfs run`, and so with what `os` and `signal` are made of in their
place: see `foreign`.
"""

import _signal as signal
import gc
import posix as os

from cfslib.kernel import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Signals that report our own mistakes must end us, not wait in a queue.
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
WAITED_FOR = signal.valid_signals() - FAULTS
# What the keys of a terminal, and its window, send to all processes in front of it.
KEYS = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH}
NAME = b"cfs"
CHANNEL = 3  # the descriptor by which PID 1 speaks to its maker
SET_PDEATHSIG, SET_NAME = 1, 15  # <linux/prctl.h>
_arguments: "list[tuple[int, int]]" = []  # once we know


def look_after(main: int) -> int:
    """Stay until the main process, our child, has ended; return its exit code.

    The signals in `WAITED_FOR` must be blocked since before it was started.
    """
    while True:
        received = signal.sigwaitinfo(WAITED_FOR)
        if received.si_signo != signal.SIGCHLD:
            _pass_on(received, main)
            continue
        # One SIGCHLD can stand for many deaths, so ask until nobody is left.
        for pid, status in reap():
            if pid == main:
                return shell_code(status)


def _pass_on(received: "signal.struct_siginfo", main: int) -> None:
    """Send the main process what was sent to us, unless it has it already."""
    by_the_kernel = received.si_code > 0  # SI_KERNEL; 0 or less is somebody's kill(2)
    if by_the_kernel and received.si_signo in KEYS:
        return
    try:
        os.kill(main, received.si_signo)
    except PermissionError:
        pass  # a setuid program may be out of our reach


def reap() -> "Iterator[tuple[int, int]]":
    """Yield (pid, wait status) for every child that has ended, without waiting."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return  # no children at all
        if pid == 0:
            return  # children, all of them alive
        yield pid, status


def shell_code(status: int) -> int:
    """Turn a wait status into the number a shell would show: 128+N for signal N.

    >>> shell_code(signal.SIGKILL)
    137
    """
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def let_go_of_the_maker(channel: int, streams: "Sequence[int]" = ()) -> None:
    """Cut what ties us to the process that we were cloned from.

    What stays: `channel`, as descriptor number CHANNEL, and standard input, output and
    error, or in their place `streams`.
    """
    gc.disable()  # it would touch, and so copy, all memory that we share with the maker
    os.setsid()  # away from the terminal: its Ctrl-C reaches us through the maker
    os.umask(0o022)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    if channel != CHANNEL:
        os.dup2(channel, CHANNEL, inheritable=False)
    libc.close_from(CHANNEL + 1)
    forget_the_host()


def forget_the_host() -> None:
    """Let nobody inside read the arguments and the environment that we had.

    /proc/1/cmdline and /proc/1/environ show memory of this process, where the
    host's arguments and variables still stand.
    """
    start, end = arguments()
    libc.overwrite(start, end - start, NAME)


def arguments() -> "tuple[int, int]":
    """Return where in memory our arguments and variables are: in a clone, as here."""
    if not _arguments:
        fd = os.open("/proc/self/stat", os.O_RDONLY | os.O_CLOEXEC)
        fields = os.read(fd, 4096).rpartition(b")")[2].split()
        os.close(fd)
        start, _, _, end = map(int, fields[45:49])  # 48 to 51 in proc(5)
        _arguments.append((start, end))
    return _arguments[0]
