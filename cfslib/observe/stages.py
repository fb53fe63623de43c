"""stages: the mount table of a container after each step of its start.

A real container is started by a child of ours.  `tracing` says when a step has been
taken, in the process that took it, and then the table is read.  What is shown is
therefore what `container` did, not what somebody once wrote about it.

PID 1 closes its file descriptors and leaves our files behind, so what it reads comes
home through memory that it shares with us.
"""

import mmap
import os
from dataclasses import dataclass

from cfslib.children.in_child import in_child
from cfslib.kernel import procfs, tracing
from cfslib.kernel.procfs import Mount
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec

# Enough for thousands of mounts; the kernel gives us only the pages that we touch.
_SIZE = 64 << 20


@dataclass(frozen=True)
class Stage:
    """What a process sees after one step."""

    step: str
    story: str  # what the step is for
    mounts: tuple[Mount, ...]


HOST = "the host"
CLONE = "clone"
# By the function that takes the step or the call that ends it: the name that users of
# the kernel know it by, and what it is for.
_STEPS = {
    HOST: (HOST, "What we see ourselves."),
    "let_go_of_the_maker": (
        CLONE,
        "PID 1 has a mount namespace of its own, which starts as a copy of ours.",
    ),
    "keep_private": (
        "make private",
        "From here on, no mount made inside can spread to the host.",
    ),
    "layer": (
        "layer",
        "The rootfs is covered: a tmpfs takes what is written, and an overlay shows "
        "both as one.",
    ),
    "proc": (
        "proc",
        "A /proc that shows the new PID namespace, while the host's is still in sight.",
    ),
    "sys": (
        "sys",
        "A /sys, read-only; the kernel refuses it to whoever does not own the network.",
    ),
    "mount_dev": (
        "dev",
        "A small /dev: six devices, terminals and shared memory of its own.",
    ),
    "pivot_root": (
        "pivot_root",
        "The overlay is the root mount now; the old one lies on top of it.",
    ),
    "umount2": (
        "detach",
        "The old root is taken away, and with it every mount of the host.",
    ),
    "hide_the_machine": (
        "mask",
        "What /proc and /sys tell about the machine is covered or made read-only.",
    ),
    "attach": ("volume", "A directory of the host is shown inside."),
    "make_read_only": ("read-only", "Nothing can be written to / now."),
}


def of_a_start(spec: Spec) -> list[Stage]:
    """Start a container, and return what its PID 1 saw after each step."""
    return in_child(lambda: _watched(spec))


def _watched(spec: Spec) -> list[Stage]:
    """Start a container, and listen to it, in this process for good."""
    with mmap.mmap(-1, _SIZE) as shared:

        def note(step: str) -> None:
            taken = step in _STEPS and (step != "attach" or spec.volumes)
            if taken:
                table = procfs.read("/proc/self/mountinfo")
                shared.write(os.fsencode(f"{step}\n{table}\0"))

        note(HOST)
        tracing.after_step.append(note)
        tracing.after_call.append(note)
        capture(spec)
        return _all_in(shared)


def _all_in(shared: mmap.mmap) -> list[Stage]:
    stages = []
    for text in os.fsdecode(shared[: shared.find(b"\0\0")]).split("\0"):
        step, _, table = text.partition("\n")
        name, story = _STEPS[step]
        stages.append(Stage(name, story, tuple(procfs.parse_mountinfo(table))))
    return stages
