"""file_fates: what is left of the right of a file, after what may happen to it."""

import mmap
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from cfslib.children.in_child import in_child
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.mounts import MountFlag
from cfslib.kernel import syscalls
from cfslib.observe import rights
from cfslib.observe.rights import NO_GAIN

NO_OVERLAY = "no overlay can be mounted in a user namespace here"


@dataclass(frozen=True)
class Fates:
    """What a file with a right still gives to a user who starts it, by its fate."""

    given: dict[str, str]
    recorded: str = ""


def of_files() -> Fates:
    """Say what is left of a file's right after some things that files go through."""
    if not rights.can_gain():
        return Fates(RECORDED, NO_GAIN)
    try:
        return Fates({fate: _given_after(change) for fate, change in _FATES.items()})
    except OSError as error:  # before Linux 5.11, root of the machine alone mounts one
        if "overlay" not in str(error):
            raise
        return Fates(RECORDED, NO_OVERLAY)


def _given_after(change: Callable[[str], str]) -> str:
    def given() -> str:
        program = change(rights.program_with(Capability.CHOWN))
        rights.be_user()
        syscalls.capset(0, 0, 0)
        return rights.words(rights.of_program(program).effective)

    return in_child(given)


def _as_it_was(program: str) -> str:
    return program


def _below_an_overlay(program: str) -> str:
    for name in ("upper", "work", "merged"):
        os.mkdir(f"/mnt/{name}")
    layers = "lowerdir=/mnt,upperdir=/mnt/upper,workdir=/mnt/work"
    syscalls.mount("overlay", "/mnt/merged", "overlay", options=layers)
    return f"/mnt/merged/{os.path.basename(program)}"


def _changed_through_mmap(program: str) -> str:
    with open(program, "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[-1] ^= 1  # at the end, where nothing is that it needs to run
    return program


def _on_nosuid(program: str) -> str:
    flags = MountFlag.REMOUNT | MountFlag.BIND | MountFlag.NOSUID
    syscalls.mount(None, "/mnt", flags=flags)
    return program


def _written(program: str) -> str:
    with open(program, "ab") as file:
        file.write(b"\0")
    return program


def _given_away(program: str) -> str:
    os.chown(program, 0, 0)  # to its owner: that counts
    return program


def _copied(program: str) -> str:
    os.mkdir("/mnt/copies")
    return shutil.copy(program, "/mnt/copies")


_FATES: dict[str, Callable[[str], str]] = {
    "it is as it was": _as_it_was,
    "it is seen through an overlay": _below_an_overlay,
    "a byte was changed through mmap": _changed_through_mmap,
    "it is on a mount with nosuid": _on_nosuid,
    "something was written to it": _written,
    "chown was called for it": _given_away,
    "it is a copy": _copied,
}
RECORDED = {fate: "CHOWN" if n < 3 else "none" for n, fate in enumerate(_FATES)}
