"""succession: which process runs which program, from `fork` to `exec` to the end.

A child of ours is the maker of a small container.  It takes one step after another, and
looks after each at itself and at its own child.
"""

import os
import time
from dataclasses import dataclass

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.observe import sightings
from cfslib.observe.sightings import Sighting

PROGRAM = "cat"


@dataclass(frozen=True)
class Moment:
    """The maker and its child after a step; the child may not be there."""

    call: str
    story: str
    maker: Sighting
    child: Sighting | None


def of_a_command() -> list[Moment]:
    """Start a command in a PID namespace, and look at each step."""
    return in_child(_told)


def _told() -> list[Moment]:
    syscalls.prctl(Prctl.SET_NAME, "python3")  # a helper of ours has another name
    told: list[Moment] = []
    pid = 0

    def note(call: str, story: str) -> None:
        maker = sightings.look(os.getpid())
        assert maker
        told.append(Moment(call, story, maker, sightings.look(pid) if pid else None))

    note("Before", "One process, which runs Python.")
    idmaps.unshare_as_root(Namespace.PID)
    note(
        "unshare(CLONE_NEWPID)", "It has not moved. The new namespace is for its child."
    )
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_the_child(reader)
    note("fork()", "Two processes run the same program. The copy is PID 1 in there.")
    os.write(writer, b"!")
    _wait_for_program(pid)
    note(f'child: execve("{PROGRAM}")', _EXEC)
    os.close(writer)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    note(
        "child: exit(0)", "It has ended. Its number stays, for the maker has not asked."
    )
    os.waitpid(pid, 0)
    note("waitpid()", "The maker has the exit code. Now nothing is left of the child.")
    return told


_EXEC = "Another program, in the same process: the numbers and namespaces have stayed."


def _be_the_child(reader: int) -> None:
    """Wait for the word, then be another program, which reads until the end."""
    try:
        os.read(reader, 1)
        os.dup2(reader, 0)
        os.execvp(PROGRAM, [PROGRAM])
    finally:
        os._exit(127)


def _wait_for_program(pid: int) -> None:
    while (seen := sightings.look(pid)) and seen.name != PROGRAM and seen.state != "Z":
        time.sleep(0.001)
