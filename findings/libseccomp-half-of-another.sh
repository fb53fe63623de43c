#!/bin/sh
# A call that two rules allow is refused, because libseccomp compares the wrong half of an
# argument.
#
# Seen with libseccomp 2.5.4.  A filter has 32 bits to work with, and an argument 64, so
# it loads one half after the other.  Where two rules about one call compare the same
# argument, and the first one's upper half is equal but its lower half does not fit, the
# filter goes on to the second rule without loading the upper half again: it compares
# the lower half with what is meant for the upper.  So a rule "less or equal" alone
# allows a value, and one more rule that allows something else has it refused.  What is
# compared must differ in the upper halves; sizes and offsets do, flags hardly ever.
set -eu

python3 - <<'PY'
import ctypes
import os

libseccomp = ctypes.CDLL("libseccomp.so.2")
libc = ctypes.CDLL(None, use_errno=True)
libseccomp.seccomp_init.restype = ctypes.c_void_p
ALLOW, REFUSE, LESS, LESS_OR_EQUAL = 0x7FFF0000, 0x00050001, 2, 3
VALUE = 0x4_FFFF_FFFF


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("op", ctypes.c_int)]
    _fields_ += [("value", ctypes.c_uint64), ("second", ctypes.c_uint64)]


def is_allowed(*comparisons: Comparison) -> bool:
    """Allow getppid(2) if one of these holds for its argument, and try VALUE."""
    number = libseccomp.seccomp_syscall_resolve_name(b"getppid")
    if (pid := os.fork()) == 0:
        # Everything is refused but what ends this process, and what these rules allow.
        context = ctypes.c_void_p(libseccomp.seccomp_init(REFUSE))
        for name in (b"exit_group", b"rt_sigreturn", b"munmap", b"futex", b"brk"):
            other = libseccomp.seccomp_syscall_resolve_name(name)
            libseccomp.seccomp_rule_add(context, ALLOW, other, 0)
        for one in comparisons:
            array = ctypes.byref(one)
            libseccomp.seccomp_rule_add_array(context, ALLOW, number, 1, array)
        assert libseccomp.seccomp_load(context) == 0
        os._exit(libc.syscall(number, ctypes.c_uint64(VALUE)) == -1)
    return os.waitpid(pid, 0)[1] == 0


wide = Comparison(0, LESS_OR_EQUAL, 0x5_8000_0000)
narrow = Comparison(0, LESS, 0x4_1000_0000)
seen = [is_allowed(wide), is_allowed(narrow), is_allowed(wide, narrow)]
print("allowed by the wide rule, by the narrow one, by both together:", *seen)
if seen != [True, False, False]:
    raise SystemExit("this is new: expected True False False")
PY
