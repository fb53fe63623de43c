"""kept_back: signals that wait while something is made or taken down.

Python calls a handler between any two steps of a program, and a handler may raise: just
after a pipe was made, for example, which then nobody closes.  So who makes things that
must be taken down keeps signals back, and lets them through only where it waits.
"""

import _signal as signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Self, TypeVar

    T = TypeVar("T")

# What is meant for a container if it is sent to its maker.
PASSED_ON = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


class KeptBack:
    """Have the kernel keep signals back; for a process with one thread."""

    def __enter__(self) -> "Self":
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._handlers = _handlers()
        try:
            self._keep()
        except BaseException:  # by a handler whose signal came before
            self._let_through()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._let_through()

    def wait(self, func: "Callable[[], T]") -> "T":
        """Call `func`, which only waits: signals may come."""
        try:
            self._let_through()
            return func()
        finally:
            self._keep()

    def _keep(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {*PASSED_ON, *self._handlers})

    def _let_through(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


class HandlersKeptBack(KeptBack):
    """Keep handlers back; for a process whose other threads would take the signals."""

    def __enter__(self) -> "Self":
        import threading  # here, because a process with threads has it

        is_main = threading.current_thread() is threading.main_thread()
        self._handlers = _handlers() if is_main else {}  # no other thread runs them
        self._came: list[int] = []
        try:
            self._keep()
        except BaseException:
            self._let_through()
            raise
        return self

    def _keep(self) -> None:
        _install(dict.fromkeys(self._handlers, self._note))

    def _note(self, number: int, _frame: object) -> None:
        self._came.append(number)

    def _let_through(self) -> None:
        try:
            _install(self._handlers)
        finally:
            while self._came:
                number = self._came.pop(0)
                self._handlers[number](number, sys._getframe())


def _handlers() -> "dict[int, Any]":
    """Return the handlers that are functions of Python's, by signal."""
    found = {number: signal.getsignal(number) for number in signal.valid_signals()}
    return {number: handler for number, handler in found.items() if callable(handler)}


def _install(handlers: "Mapping[int, Any]") -> None:
    """Set all these handlers, whatever one that is called meanwhile may raise."""
    raised = None
    for number, handler in handlers.items():
        try:
            signal.signal(number, handler)
        except BaseException as error:
            raised = error
            signal.signal(number, handler)
    if raised:
        raise raised
