"""passing_on: what becomes of the five sets of capabilities at fork, exec and setuid.

A child makes the calls for real, in a user namespace of its own, and says after each
what the kernel says of it.  Where this machine cannot do all of a story there is
`recorded`: what another machine said.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities, idmaps
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import libc, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.observe.rights import (
    NO_GAIN,
    ONE_USER,
    USER,
    Sets,
    be_root_of_two,
    be_user,
    can_gain,
    give_to_programs,
    look,
    of_program,
    program_with,
)

RECORD = Path(__file__).with_suffix(".json")
_NOROOT = 1  # SECBIT_NOROOT in <linux/securebits.h>


@dataclass(frozen=True)
class Moment:
    """The sets of a process after a call."""

    call: str
    story: str
    sets: Sets


@dataclass(frozen=True)
class Told:
    """A story, and whether it happened here and now."""

    moments: tuple[Moment, ...]
    recorded: str = ""  # why it did not happen here, if it did not


Note = Callable[[str, str, Sets], None]


def told(name: str) -> Told:
    """Tell one of the STORIES: as it goes here, or as it was recorded."""
    story = STORIES[name]
    if story in _GAINING and not can_gain():
        return recorded(name, NO_GAIN)
    try:
        return Told(tuple(in_child(lambda: _moments(story))))
    except PermissionError:
        return recorded(name, ONE_USER)


def recorded(name: str, why: str) -> Told:
    """Return a story as it went on another machine."""
    found = json.loads(RECORD.read_text())[name]
    moments = (Moment(m["call"], m["story"], Sets(**m["sets"])) for m in found)
    return Told(tuple(moments), why)


def record() -> None:
    """Write down how each story goes here: root of a machine can tell them all."""
    found = {name: told(name) for name in STORIES}
    assert not any(each.recorded for each in found.values()), "not all can be told here"
    plain = {n: [asdict(m) for m in each.moments] for n, each in found.items()}
    RECORD.write_text(json.dumps(plain, indent=1) + "\n")


def _moments(story: Callable[[Note], None]) -> list[Moment]:
    moments: list[Moment] = []
    story(lambda call, text, sets: moments.append(Moment(call, text, sets)))
    return moments


def _root(note: Note) -> None:
    idmaps.unshare_as_root(Namespace(0))
    note("Before", "Root of a user namespace: all is permitted and effective.", look())
    note("fork()", "A child is a copy, and its sets are, too.", in_child(look))
    syscalls.capset(0, 0, 0)
    note("capset(0, 0, 0)", "All is given up. The bounding set has stayed.", look())
    note(
        'execve("cat")',
        "Root again. A program that root starts gets all that is within bounds.",
        of_program(),
    )


def _bounds(note: Note) -> None:
    idmaps.unshare_as_root(Namespace(0))
    note("Before", "Root of a user namespace: all is permitted and effective.", look())
    capabilities.bound(capabilities.DEFAULT)
    note(
        "prctl(PR_CAPBSET_DROP, ...)",
        "For each of 29. We still have what we had: bounds count at the next exec.",
        look(),
    )
    capabilities.have_only(capabilities.DEFAULT)
    note("capset(...)", "Now we have no more than that ourselves.", look())
    note('execve("cat")', "And an exec does not bring it back.", of_program())


def _user(note: Note) -> None:
    be_user()
    note("Before", "User 1000, with all rights of a new user namespace.", look())
    note("fork()", "A child is a copy, and its sets are, too.", in_child(look))
    note('execve("cat")', "It is not root, so nothing comes along.", of_program())


def _ambient(note: Note) -> None:
    be_user()
    note("Before", "User 1000, with all rights of a new user namespace.", look())
    effective, permitted, _ = libc.capget()
    syscalls.capset(effective, permitted, 1 << Capability.CHOWN)
    note("capset(...)", "CHOWN is inheritable. That alone brings nothing.", look())
    give_to_programs(Capability.CHOWN)
    note("prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN)", _AMBIENT, look())
    note('execve("cat")', "CHOWN has come along, and nothing else.", of_program())


_AMBIENT = "CHOWN is ambient. It had to be permitted and inheritable."


def _setuid(note: Note) -> None:
    be_root_of_two()
    note("Before", "Root of a user namespace: all is permitted and effective.", look())
    os.seteuid(USER)
    note("seteuid(1000)", "Nothing is effective, and all is still permitted.", look())
    os.seteuid(0)
    note("seteuid(0)", "What is permitted is effective again.", look())
    os.setresuid(USER, USER, USER)
    note(
        "setresuid(1000, 1000, 1000)", "No uid is root's. All is gone for good.", look()
    )
    note('execve("cat")', "There is nothing that could come along.", of_program())


def _keep(note: Note) -> None:
    be_root_of_two()
    note("Before", "Root of a user namespace: all is permitted and effective.", look())
    syscalls.prctl(Prctl.SET_KEEPCAPS, 1)
    note(
        "prctl(PR_SET_KEEPCAPS, 1)",
        "No set shows it: it is a flag beside them.",
        look(),
    )
    os.setresuid(USER, USER, USER)
    note("setresuid(1000, 1000, 1000)", "What was permitted still is.", look())
    syscalls.capset(1 << Capability.CHOWN, 1 << Capability.CHOWN, 0)
    note("capset(...)", "One right is kept, and is effective again.", look())
    note('execve("cat")', "The flag was for setuid. At exec, all goes.", of_program())


def _file(note: Note) -> None:
    program = program_with(Capability.CHOWN)
    be_user()
    syscalls.capset(0, 0, 0)
    note("Before", "User 1000, without any right.", look())
    note(
        'execve("/mnt/cat")',
        "A copy of cat, whose file has CHOWN: setcap cap_chown+ep.",
        of_program(program),
    )


def _no_more(note: Note) -> None:
    program = program_with(Capability.CHOWN)
    be_user()
    syscalls.capset(0, 0, 0)
    note("Before", "User 1000, without any right.", look())
    capabilities.gain_no_more()
    note("prctl(PR_SET_NO_NEW_PRIVS, 1)", "From now on no exec gives more.", look())
    note(
        'execve("/mnt/cat")',
        "The file has CHOWN, and the program runs without it.",
        of_program(program),
    )


def _noroot(note: Note) -> None:
    idmaps.unshare_as_root(Namespace(0))
    note("Before", "Root of a user namespace: all is permitted and effective.", look())
    syscalls.prctl(Prctl.SET_SECUREBITS, _NOROOT)
    note("prctl(PR_SET_SECUREBITS, SECBIT_NOROOT)", "No set has changed.", look())
    note('execve("cat")', "It is still user 0, and that is a number.", of_program())


STORIES = {
    "root": _root,
    "root, within bounds": _bounds,
    "another user": _user,
    "another user, with an ambient right": _ambient,
    "from root to another user": _setuid,
    "the same, with PR_SET_KEEPCAPS": _keep,
    "a file that has a right": _file,
    "the same, with no_new_privs": _no_more,
    "root, with SECBIT_NOROOT": _noroot,
}
_GAINING = (_root, _file)
