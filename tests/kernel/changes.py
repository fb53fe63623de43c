"""What a process may change about itself, and its children then have too.

Each is a line of a program, so that it can be made in a process of its own.
"""

IMPORTS = "import os, resource, signal; from cfslib.kernel import libc"
BY_ANYBODY = {
    "nice": "os.nice(1)",
    "umask": "os.umask(0o27)",
    "processors": "os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])",
    "scheduler": "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))",
    "core files": "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
    "open files, soft": "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 4000))",
    "open files, hard": "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))",
    "processes": "resource.setrlimit(resource.RLIMIT_NPROC, (2999, 3999))",
    "an ignored signal": "signal.signal(signal.SIGHUP, signal.SIG_IGN)",
    "one that Python ignores": "signal.signal(signal.SIGPIPE, signal.SIG_DFL)",
    "a blocked signal": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])",
    "when memory ends": "open('/proc/self/oom_score_adj', 'w').write('999')",
    "no new privileges": "libc.prctl(38, 1)",
    "no looking in": "libc.prctl(4, 0)",
    "timers": "libc.prctl(29, 1)",
}
BY_ROOT = {
    "groups": "os.setgroups([54321])",
    "saved group": "os.setresgid(-1, -1, 54321)",
    "saved user": "os.setresuid(-1, -1, 54321)",
    "effective group": "os.setegid(54321)",
    "capabilities": "libc.capset(1, 3, 7)",
    "mounts": "libc.unshare(0x20000)",
    "name of the machine": "libc.unshare(0x4000000)",
    "processes to see": "libc.unshare(0x20000000)",
}
# After these, exec takes away what fork does not, and nobody can give that back.
FOR_EXEC_TOO = {
    "bounds": "libc.prctl(24, 0)",
    "secure bits": "libc.prctl(28, 1)",
}
