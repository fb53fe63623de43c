"""masks: cover what /proc and /sys tell about the machine, protect what they change.

Many of their files belong to no namespace.  Root inside would read and write them as
root outside does.
"""

import posix

from cfslib.isolation.mounts import INERT, MountFlag, bind, make_read_only
from cfslib.kernel import syscalls

# Parts of /proc and /sys that speak of the whole machine, not of the container.
# The lists are those of the OCI runtimes: runc(8), "maskedPaths", "readonlyPaths".
MASKED_FILES = (
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/timer_stats",
)
MASKED_DIRECTORIES = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/scsi",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
MASKED = (*MASKED_FILES, *MASKED_DIRECTORIES)
READ_ONLY = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)


def hide_the_machine() -> None:
    """Cover what /proc and /sys tell about the machine; protect what they change.

    Call it in the new root, before anything is there that others can change.
    """
    # Which of them there are depends on the machine, so try them all.
    for hide, paths in (
        (_cover_file, MASKED_FILES),
        (_cover_directory, MASKED_DIRECTORIES),
        (_protect, READ_ONLY),
    ):
        for path in paths:
            if posix.access(path, posix.F_OK):
                hide(path)


def _cover_file(path: str) -> None:
    syscalls.mount("/dev/null", path, flags=MountFlag.BIND)


def _cover_directory(path: str) -> None:
    flags = INERT | MountFlag.RDONLY
    syscalls.mount("tmpfs", path, "tmpfs", flags, "size=0,nr_inodes=1")


def _protect(path: str) -> None:
    bind(path, path)
    make_read_only(path, INERT)
