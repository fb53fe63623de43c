"""init: become PID 1, and start the command.

What PID 1 owes the others from then on is in `pid1`.
"""

import errno
import os
import signal
from collections.abc import Callable, Sequence

from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime import pid1


class CannotExecute(OSError):
    """The command itself could not be started: not found, or not executable."""


def run_as_init(argv: Sequence[str], started: Callable[[], None] = lambda: None) -> int:
    """Run `argv` as the main process, stay until it ends, return its exit code.

    `started` is called when the program is running.
    """
    syscalls.prctl(Prctl.SET_NAME, pid1.NAME.decode())
    signal.pthread_sigmask(signal.SIG_BLOCK, pid1.WAITED_FOR)
    main = start(argv)
    started()
    return pid1.look_after(main)


def take_environment(env: dict[str, str]) -> None:
    """Have this environment and no other, and keep what we know to ourselves."""
    os.environ.clear()
    os.environ.update(env)
    syscalls.prctl(Prctl.SET_DUMPABLE, 0)  # nobody inside may look into us


def start(argv: Sequence[str]) -> int:
    """Start a program as our child, with signals as a fresh process has them."""
    try:
        return syscalls.posix_spawn(argv, dict(os.environ))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.ENOMEM):
            raise
        reason = os.strerror(error.errno or 0)
        cannot = CannotExecute(error.errno, f"{argv[0]}: {reason}")
        cannot.__notes__ = getattr(error, "__notes__", [])
        raise cannot from None
