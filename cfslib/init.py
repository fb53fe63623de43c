"""init: PID 1 starts the command, passes signals on and reaps orphans.

The first process of a PID namespace has duties.  Orphans become its children, and
stay zombies until it waits for them.  The kernel shields it: signals it has no
handler for are dropped, so `kill 1` does nothing.  When it ends, everything else in
the namespace is killed.  See pid_namespaces(7).
"""

import ctypes
import errno
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from cfslib import syscalls
from cfslib.syscalls import Prctl

# Signals that report our own mistakes must end us, not wait in a queue.
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
# What the keys of a terminal, and its window, send to all processes in front of it.
KEYS = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH}
NAME = "cfs"


class CannotExecute(OSError):
    """The command itself could not be started: not found, or not executable."""


def run_as_init(argv: Sequence[str], started: Callable[[], None] = lambda: None) -> int:
    """Run `argv` as the main process, stay until it ends, return its exit code.

    `started` is called when the program is running.
    """
    syscalls.prctl(Prctl.SET_NAME, NAME)
    waited_for = signal.valid_signals() - FAULTS
    signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    main = start(argv)
    started()
    while True:
        received = signal.sigwaitinfo(waited_for)
        if received.si_signo != signal.SIGCHLD:
            _pass_on(received, main)
            continue
        # One SIGCHLD can stand for many deaths, so ask until nobody is left.
        for pid, status in reap():
            if pid == main:
                return shell_code(status)


def _pass_on(received: signal.struct_siginfo, main: int) -> None:
    """Send the main process what was sent to us, unless it has it already."""
    by_the_kernel = received.si_code > 0  # SI_KERNEL; 0 or less is somebody's kill(2)
    if by_the_kernel and received.si_signo in KEYS:
        return
    with suppress(PermissionError):  # a setuid program may be out of our reach
        os.kill(main, received.si_signo)


def forget_the_host(env: dict[str, str]) -> None:
    """Take `env` as our environment and let nobody inside read the one we had.

    /proc/1/cmdline and /proc/1/environ show memory of this process, where the
    host's arguments and variables still stand.
    """
    os.environ.clear()
    os.environ.update(env)
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    arguments, _, _, end = map(int, fields[45:49])  # 48 to 51 in proc(5)
    ctypes.memset(arguments, 0, end - arguments)
    ctypes.memmove(arguments, NAME.encode(), len(NAME))
    syscalls.prctl(Prctl.SET_DUMPABLE, 0)


def start(argv: Sequence[str]) -> int:
    """Start a program as our child, with signals as a fresh process has them."""
    # Python ignores SIGPIPE and SIGXFSZ, and an ignored signal survives exec.
    defaults = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    try:
        return syscalls.posix_spawn(
            list(argv), dict(os.environ), setsigmask=(), setsigdef=defaults
        )
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.ENOMEM):
            raise
        reason = os.strerror(error.errno or 0)
        cannot = CannotExecute(error.errno, f"{argv[0]}: {reason}")
        cannot.__notes__ = getattr(error, "__notes__", [])
        raise cannot from None


def reap() -> Iterator[tuple[int, int]]:
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
