"""init: become PID 1 of a container: start the command, pass signals on, reap orphans.

The first process of a PID namespace has duties.  Orphans become its children, and
stay zombies until it waits for them.  The kernel shields it: signals it has no
handler for are dropped, so `kill 1` does nothing.  When it ends, everything else in
the namespace is killed.  See pid_namespaces(7).
"""

import _signal as signal
import errno
import gc
import posix as os
import sys

from cfslib.kernel import libc, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime.errors import CannotExecute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cfslib.runtime.channel import Channel

# Signals that report our own mistakes must end us, not wait in a queue.
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
WAITED_FOR = signal.valid_signals() - FAULTS
# What the keys of a terminal, and its window, send to all processes in front of it.
KEYS = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH}
NAME = "cfs"
WAITING = "cfs-ahead"  # the name of a PID 1 that waits to be told its command
TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo")
USUAL_TERMINALS = ("xterm-256color", "xterm")  # nearly all others understand these
MAIN = 2  # the pid of the command, inside
CHANNEL = 3  # the descriptor by which PID 1 speaks to its maker
_arguments: "list[tuple[int, int]]" = []  # once we know


def run_as_init(
    argv: "Sequence[str]",
    environment: "Mapping[str, str] | None" = None,
    *,
    starts: "Callable[[], None]" = lambda: None,
    runs: "Callable[[], None]" = lambda: None,
) -> int:
    """Run `argv` as the main process, stay until it ends, return its exit code.

    Its environment is ours if none is given.  `starts` is called just before it is
    started, and `runs` when it runs.
    """
    syscalls.prctl(Prctl.SET_NAME, NAME)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would never come
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
    starts()
    main = start(argv, environment)
    runs()
    return look_after(main)


def start(argv: "Sequence[str]", environment: "Mapping[str, str] | None" = None) -> int:
    """Start a program as our child, with signals as a fresh process has them."""
    if environment is None:
        import os as system  # which knows what has been changed since we started

        environment = system.environ
    try:
        return syscalls.posix_spawn(argv, environment)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.ENOMEM):
            raise
        cannot = CannotExecute(
            error.errno, f"{argv[0]}: {os.strerror(error.errno or 0)}"
        )
        cannot.__notes__ = getattr(error, "__notes__", [])
        raise cannot from None


def known_terminal(term: str) -> str:
    """Return a kind of terminal that programs in here know: this one, if they do.

    Where they know none, and for what is hardly a terminal, we stay with the truth.
    """
    for name in (term, *USUAL_TERMINALS) if term != "dumb" else ():
        if any(os.access(f"{place}/{name[:1]}/{name}", os.F_OK) for place in TERMINFO):
            return name
    return term


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


def let_go_of_the_maker(channel: "Channel") -> None:
    """Cut what ties us to the process that we were cloned from.

    What stays: our channel to it, as descriptor number CHANNEL, and standard input,
    output and error.
    """
    gc.disable()  # it would touch, and so copy, all memory that we share with the maker
    os.setsid()  # away from the terminal: its Ctrl-C reaches us through the maker
    os.umask(0o022)
    ours = channel.move_to(CHANNEL)
    if ours != CHANNEL:
        os.dup2(ours, CHANNEL, inheritable=False)
    libc.close_from(CHANNEL + 1)
    forget_the_host()


def end_with_the_maker() -> None:
    """Have the kernel kill us when our maker ends."""
    syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)


def let_nobody_look_into_us() -> None:
    """Keep what we know to ourselves: nobody inside may trace us."""
    syscalls.prctl(Prctl.SET_DUMPABLE, 0)


def import_nothing_more() -> None:
    """Find no module any more: one of the container's would run with our rights."""
    sys.meta_path.clear()


def forget_the_host() -> None:
    """Let nobody inside read the arguments and the environment that we had.

    /proc/1/cmdline and /proc/1/environ show memory of this process, where the
    host's arguments and variables still stand.
    """
    start, end = arguments()
    libc.overwrite(start, end - start, NAME.encode())


def arguments() -> "tuple[int, int]":
    """Return where in memory our arguments and variables are: in a clone, as here."""
    if not _arguments:
        fd = os.open("/proc/self/stat", os.O_RDONLY | os.O_CLOEXEC)
        fields = os.read(fd, 4096).rpartition(b")")[2].split()
        os.close(fd)
        start, _, _, end = map(int, fields[45:49])  # 48 to 51 in proc(5)
        _arguments.append((start, end))
    return _arguments[0]
