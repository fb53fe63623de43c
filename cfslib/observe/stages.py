"""stages: the mount table of a container after each step of its start.

A real container is started by a child of ours, in which the functions that change
mounts have been wrapped: each does its work, and then the table is read.  What is
shown is therefore what `container` did, not what somebody once wrote about it.

PID 1 closes its file descriptors and leaves our files behind, so what it reads comes
home through memory that it shares with us.
"""

import mmap
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from cfslib.children.in_child import in_child
from cfslib.isolation import devices, masks, mounts, rootfs, volumes
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.procfs import Mount
from cfslib.runtime import container
from cfslib.runtime.spec import Spec

# Enough for thousands of mounts; the kernel gives us only the pages that we touch.
_SIZE = 64 << 20


@dataclass(frozen=True)
class Stage:
    """What a process sees after one step."""

    step: str
    story: str  # what the step is for
    mounts: tuple[Mount, ...]


@dataclass(frozen=True)
class _Step:
    """A function that changes mounts, under the name that the kernel's users know."""

    name: str
    module: ModuleType
    function: str
    story: str


HOST = "the host"
CLONE = "clone"
_CLONED = "PID 1 has a mount namespace of its own, which starts as a copy of ours."
_STEPS = (
    _Step(
        "make private",
        mounts,
        "keep_private",
        "From here on, no mount made inside can spread to the host.",
    ),
    _Step(
        "layer",
        rootfs,
        "layer",
        "The rootfs is covered: a tmpfs takes what is written, and an overlay shows "
        "both as one.",
    ),
    _Step(
        "proc",
        mounts,
        "proc",
        "A /proc that shows the new PID namespace, while the host's is still in sight.",
    ),
    _Step(
        "sys",
        mounts,
        "sys",
        "A /sys, read-only; the kernel refuses it to whoever does not own the network.",
    ),
    _Step(
        "dev",
        devices,
        "mount",
        "A small /dev: six devices, terminals and shared memory of its own.",
    ),
    _Step(
        "pivot_root",
        syscalls,
        "pivot_root",
        "The overlay is the root mount now; the old one lies on top of it.",
    ),
    _Step(
        "detach",
        syscalls,
        "umount2",
        "The old root is taken away, and with it every mount of the host.",
    ),
    _Step("volume", volumes, "attach", "A directory of the host is shown inside."),
    _Step(
        "mask",
        masks,
        "hide_the_machine",
        "What /proc and /sys tell about the machine is covered or made read-only.",
    ),
    _Step("read-only", mounts, "make_read_only", "Nothing can be written to / now."),
)


def of_a_start(spec: Spec) -> list[Stage]:
    """Start a container, and return what its PID 1 saw after each step."""
    return in_child(lambda: _watched(spec))


def _watched(spec: Spec) -> list[Stage]:
    """Wrap the steps, in this process for good, and start a container."""
    with mmap.mmap(-1, _SIZE) as shared:

        def note(name: str, story: str) -> None:
            shared.write(pickle.dumps(Stage(name, story, tuple(procfs.mounts()))))

        note(HOST, "What we see ourselves.")
        for step in _STEPS:
            _wrap(step, note)
        _before(mounts, "keep_private", lambda: note(CLONE, _CLONED))
        container.capture(spec)
        return _all_in(shared)


def _wrap(step: _Step, note: Callable[[str, str], None]) -> None:
    real = getattr(step.module, step.function)

    def noted(*arguments: Any, **named: Any) -> Any:
        result = real(*arguments, **named)
        note(step.name, step.story)
        return result

    setattr(step.module, step.function, noted)


def _before(module: ModuleType, function: str, note: Callable[[], None]) -> None:
    real = getattr(module, function)

    def noted() -> None:
        note()
        real()

    setattr(module, function, noted)


def _all_in(shared: mmap.mmap) -> list[Stage]:
    stages = []
    shared.seek(0)
    while shared[shared.tell()]:  # a pickle never begins with a zero
        stages.append(pickle.load(shared))
    return stages
