"""Load a filter into a child, and see what the kernel makes of it."""

import ctypes
import os
import signal
import struct
from collections.abc import Callable, Sequence

from cfslib.isolation.seccomp import bpf
from cfslib.isolation.seccomp.bpf import Instruction

SET_NO_NEW_PRIVS, SET_SECCOMP, MODE_FILTER = 38, 22, 2
FINE, REFUSED = 100, 101


def load(program: Sequence[Instruction]) -> None:
    """Have the kernel run a program before each call of ours, or raise OSError.

    With ctypes alone, so that a test of our own loader may compare with it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    packed = bpf.pack(program)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    head = struct.pack("HP", len(program), ctypes.addressof(buffer))
    libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(SET_SECCOMP, MODE_FILTER, head, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel refuses the filter")


def is_taken(program: Sequence[Instruction]) -> bool:
    """Say if the kernel takes a program as a filter."""

    def try_it() -> int:
        try:
            load(program)
        except OSError:
            return REFUSED
        return FINE

    return in_bare_child(try_it) != REFUSED


def in_bare_child(function: Callable[[], int]) -> int:
    """Return what a function returns in a child; -N if signal N ended it.

    A child that a filter keeps from ending in order is ended by it.
    """
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(function())
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
