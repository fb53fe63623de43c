"""lessons.boxed: a command with just some namespaces of its own, as an experiment.

`container` refuses to leave one of the important ones out, since its steps would then
change the host.  Here every step depends on the namespace that contains it, so that
each of them can be left out to see what it was good for.
"""

import os
import resource
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities, idmaps, mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.observe import sightings
from cfslib.runtime import ownership

HOSTNAME = "cfs-container"
PATIENCE = 5  # seconds until a command that does not end is killed
LONGEST = 1 << 16  # bytes that are kept of what it prints, and written to any file


@dataclass(frozen=True)
class Seen:
    """What a command printed, errors included, and its exit code as in a shell."""

    text: str
    code: int


def forced() -> Namespace:
    """Return what nobody without root's rights can leave out."""
    return Namespace(0) if ownership.may_do_it_alone() else Namespace.USER


def run(command: str, kinds: Namespace) -> Seen:
    """Run a line of shell with those namespaces of its own; with none, on the host."""
    return in_child(lambda: _enter(command, kinds))


def _enter(command: str, kinds: Namespace) -> Seen:
    if kinds:
        kinds |= forced()
    if Namespace.USER in kinds:
        idmaps.unshare_as_root(kinds)
    elif kinds:
        syscalls.unshare(kinds)
    # A new PID namespace is for children.
    return in_child(lambda: _prepare_and_run(command, kinds))


def _prepare_and_run(command: str, kinds: Namespace) -> Seen:
    """Do what a container does first, as far as it stays inside."""
    if Namespace.MNT in kinds:
        mounts.keep_private()
        if Namespace.PID in kinds:
            mounts.proc(Path("/proc"))  # without PID, it would show the host anyway
    if Namespace.UTS in kinds:
        syscalls.sethostname(HOSTNAME)
    if Namespace.USER not in kinds and os.geteuid() == 0:
        # Root's rights would reach the host wherever a namespace is left out.
        capabilities.keep_only(frozenset())
    syscalls.prctl(Prctl.SET_NAME, "cfs")
    return _run(command)


def _run(command: str) -> Seen:
    # A file and not a pipe: it stops growing, and nobody in the background keeps it.
    printed = os.memfd_create("printed")
    resource.setrlimit(resource.RLIMIT_FSIZE, (LONGEST, LONGEST))
    syscalls.prctl(Prctl.SET_CHILD_SUBREAPER, 1)
    process = subprocess.Popen(
        ["sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=printed,
    )
    note = ""
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        note = f"(killed after {PATIENCE} seconds)\n"
        process.kill()
        code = process.wait()
    end_what_is_left()
    text = os.pread(printed, LONGEST, 0).decode(errors="replace")
    return Seen(text + note, code if code >= 0 else 128 - code)


def end_what_is_left() -> None:
    """Kill all that descends from us, or came to us as we are a subreaper."""
    if os.getpid() == 1:
        return  # it ends with us
    with suppress(ChildProcessError):  # no children, or no more
        while True:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                for left in sightings.below(os.getpid()):
                    with suppress(ProcessLookupError):  # its parent was faster
                        os.kill(left.pid, signal.SIGKILL)
                os.waitpid(-1, 0)
