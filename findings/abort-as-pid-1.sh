#!/bin/sh
# A program that gives up with abort() is killed by SIGSEGV, if it is PID 1 of a
# container, and not by SIGABRT.
#
# Seen with Linux 6.18 and glibc 2.36.  The kernel drops SIGABRT, as any signal
# that PID 1 has no handler for, also if PID 1 sends it to itself.  abort() must not
# return, so the C library goes on to an instruction that no program may execute; for
# that fault the kernel does kill PID 1.  So the exit code is 139 and not 134, the log
# speaks of a memory fault, and whoever looks for one looks in the wrong place.
set -eu

abort='import os; os.abort()'
ended() {
    code=0
    "$@" 2>/dev/null || code=$?
    echo "$code"
}

ulimit -c 0
apart=$(ended unshare --user --map-root-user --pid --fork python3 -c "$abort")
alone=$(ended sh -c 'python3 -c "$1" & wait $!' sh "$abort")
echo "Linux $(uname -r), $(getconf GNU_LIBC_VERSION)"
echo "abort() ends PID 1 with $apart, any other process with $alone"
[ "$apart" = 139 ] && [ "$alone" = 134 ] || {
    echo "this is new: expected 139 and 134"
    exit 1
}
