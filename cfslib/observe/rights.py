"""rights: the five sets of capabilities of a process, and ways to change them.

What changes a process is for a child: there is no way back.
"""

import os
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cfslib.isolation import capabilities, idmaps, mounts
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import libc, procfs, syscalls
from cfslib.kernel.syscalls import Prctl

USER = 1000  # who is not root
# The names of the sets, as capabilities(7) has them and as /proc/PID/status has them.
SETS = {
    "effective": "CapEff",
    "permitted": "CapPrm",
    "inheritable": "CapInh",
    "bounding": "CapBnd",
    "ambient": "CapAmb",
}
ONE_USER = "it takes two users, and you have one to give"
NO_GAIN = "no_new_privs is set here, so no program gains a right"
_RAISE = 2  # PR_CAP_AMBIENT_RAISE in <linux/prctl.h>
_FILE, _EFFECTIVE = 0x0200_0000, 1  # VFS_CAP_REVISION_2 in <linux/capability.h>


@dataclass(frozen=True)
class Sets:
    """The sets of one process, one bit for each capability."""

    uid: int
    effective: int
    permitted: int
    inheritable: int
    bounding: int
    ambient: int

    def __str__(self) -> str:
        lines = [f"{name:<12} {words(getattr(self, name))}" for name in SETS]
        return "\n".join(lines)


def look(pid: int | str = "self") -> Sets:
    """Return the sets of a process."""
    return _sets(procfs.status(str(pid)))


def of_program(program: str | Path = "cat") -> Sets:
    """Start a program, and return the sets that it has.  It prints what it reads."""
    words = [program, "/proc/self/status"]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True)
    return _sets(procfs.parse_status(done.stdout))


def _sets(status: dict[str, str]) -> Sets:
    uid = int(status["Uid"].split()[1])
    return Sets(uid, *(int(status[name], 16) for name in SETS.values()))


def words(bits: int) -> str:
    """Return a set in words: up to three names, or how many there are.

    >>> words(0), words(0b100001), words(0xFF)
    ('none', 'CHOWN KILL', '8 of them')
    """
    names = [str(each) for each in Capability if bits >> each & 1]
    if bits.bit_count() > capabilities.last_known():
        return "all"
    few = " ".join(names) or "none"
    return few if len(names) <= 3 else f"{len(names)} of them"


def be_root_of_two() -> None:
    """Be root of a user namespace in which there is user 1000, too.

    Raise `PermissionError` if only one user is ours to give.
    """
    pid, users, groups = os.getpid(), _two("uid"), _two("gid")
    reader, writer = os.pipe()
    helper = os.fork()  # more than our own id maps who has stayed outside
    if helper == 0:
        try:
            os.close(writer)
            if os.read(reader, 1):  # nothing, if there is no namespace to map
                idmaps.write(pid, users, groups)
            os._exit(0)
        finally:
            os._exit(1)
    try:
        syscalls.unshare(Namespace.USER | Namespace.MNT | Namespace.NET)
        os.write(writer, b"!")
    finally:
        os.close(reader)
        os.close(writer)
        _, status = os.waitpid(helper, 0)
    if status:
        raise PermissionError("nobody could map a second user")


def _two(kind: str) -> list[IdMap]:
    if os.geteuid() == 0:
        return [IdMap(0, 0), IdMap(USER, USER)]
    own, lent, *_ = idmaps.many(kind)
    return [own, IdMap(USER, lent.outside)]  # however few there are


def be_user(uid: int = USER) -> None:
    """Have another number, and all rights of a new user namespace: for now."""
    ours = os.getuid(), os.getgid()
    syscalls.unshare(Namespace.USER)
    idmaps.write("self", [IdMap(uid, ours[0])], [IdMap(uid, ours[1])])


def give_to_programs(capability: Capability) -> None:
    """Have every program that we start get a right, whoever we are.

    A right is ambient only while it is permitted and inheritable.
    """
    effective, permitted, inheritable = libc.capget()
    syscalls.capset(effective, permitted, inheritable | 1 << capability)
    syscalls.prctl(Prctl.CAP_AMBIENT, _RAISE, capability)


def give_to_file(path: str | Path, capability: Capability) -> None:
    """Have a file give a right to those who start it, as `setcap X+ep` does."""
    data = struct.pack("<5I", _FILE | _EFFECTIVE, 1 << capability, 0, 0, 0)
    os.setxattr(path, "security.capability", data)


def can_gain() -> bool:
    """Say if an exec can give us rights: nobody has set no_new_privs."""
    return procfs.status()["NoNewPrivs"] == "0"


def program_with(capability: Capability) -> str:
    """Be root of a user namespace, with a `cat` whose file has a right."""
    idmaps.unshare_as_root(Namespace.MNT)
    mounts.keep_private()
    syscalls.mount("files", "/mnt", "tmpfs")
    program = "/mnt/cat"  # the name tells busybox and its like what to be
    shutil.copy(shutil.which("cat") or "/bin/cat", program)
    give_to_file(program, capability)
    return program
