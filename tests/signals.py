"""What tests start has the signals that it has in a shell, whatever pytest was given.

nohup, for one, ignores a signal, which is handed down to all that we start.
"""

import os
import signal

OF_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}  # which it ignores, but does not hand down


def pytest_configure() -> None:
    """Ignore no signal, and block none."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    outlives = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    if outlives and os.getpgrp() != os.getpid():
        os.setpgid(0, 0)  # so that a hangup, which now would end us, does not reach us
    for number in signal.valid_signals() - OF_PYTHON:
        if signal.getsignal(number) == signal.SIG_IGN:
            is_interrupt = number == signal.SIGINT
            usual = signal.default_int_handler if is_interrupt else signal.SIG_DFL
            signal.signal(number, usual)
