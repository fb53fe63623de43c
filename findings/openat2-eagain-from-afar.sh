#!/bin/sh
# A file that is there is at times not opened, because somebody renames another one, in
# another filesystem, that has nothing to do with it.
#
# Seen with Linux 6.18.  Asked to stay below a directory (RESOLVE_IN_ROOT of openat2(2),
# or RESOLVE_BENEATH), the kernel answers EAGAIN to a path with a `..` whenever any file
# of the machine was renamed while it walked: all renames share one counter, and that is
# what it compares.  Beside a program that does nothing but rename, in a tmpfs of its
# own, one call in a hundred fails so; the same path without that promise never does,
# nor one without `..`.  So a program that opens files of a rootfs this way has to try
# again, also where nobody else could touch that rootfs.
set -eu

dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
cat >"$dir/look.py" <<'PY'
import ctypes
import errno
import os
import platform
import signal
import sys
import tempfile

OPENAT2, IN_ROOT, NO_MAGICLINKS, TIMES = 437, 0x10, 0x02, 100_000
libc = ctypes.CDLL(None, use_errno=True)


def failures(root: int, path: bytes, resolve: int) -> int:
    """Open a file so many times; return how often the answer is EAGAIN."""
    how, count = (ctypes.c_uint64 * 3)(os.O_PATH, 0, resolve), 0
    for _ in range(TIMES):
        fd = libc.syscall(OPENAT2, root, path, how, ctypes.sizeof(how))
        if fd >= 0:
            os.close(fd)
        else:
            assert ctypes.get_errno() == errno.EAGAIN, os.strerror(ctypes.get_errno())
            count += 1
    return count


os.makedirs(f"{sys.argv[1]}/a/b")
root = os.open(sys.argv[1], os.O_PATH)
with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
    if (pid := os.fork()) == 0:
        open(f"{elsewhere}/one", "w").close()
        while True:
            os.rename(f"{elsewhere}/one", f"{elsewhere}/other")
            os.rename(f"{elsewhere}/other", f"{elsewhere}/one")
    asked = [(b"a/../a/b", IN_ROOT), (b"a/b", IN_ROOT), (b"a/../a/b", NO_MAGICLINKS)]
    seen = [failures(root, *one) for one in asked]
    os.kill(pid, signal.SIGKILL)
    os.wait()
print("Linux", platform.release(), "EAGAIN in", TIMES, "calls each:", *seen)
if not (seen[0] and seen[1:] == [0, 0]):
    raise SystemExit("this is new: expected some, none and none")
PY
python3 "$dir/look.py" "$dir"
