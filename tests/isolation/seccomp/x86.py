"""The 32-bit calls of x86, made by a program of 64 bits."""

import ctypes
import mmap
import os
import platform

import pytest

# push rbx; mov eax, edi; mov ebx, esi; int 0x80; pop rbx; ret
CODE = bytes.fromhex("53 89f8 89f3 cd80 5b c3")


def call(number: int, argument: int = 0) -> int:
    """Make a call of the 32-bit set; return what the kernel says, as -errno too."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(CODE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int)(address)
    return int(function(number, argument))


def _is_there() -> bool:
    """Try it in a child, which a kernel without them ends."""
    if platform.machine() != "x86_64":
        return False
    pid = os.fork()
    if pid == 0:
        os._exit(0 if call(20) == os.getpid() else 1)
    return os.waitpid(pid, 0)[1] == 0


needs_32_bits = pytest.mark.skipif(
    not _is_there(), reason="no x86 here, or its kernel has no 32-bit calls"
)
