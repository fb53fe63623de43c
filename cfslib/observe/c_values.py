"""c_values: the argument of a call, written in C.

Flags get the names that they have in the headers, and text means the same bytes:

    >>> print(value(MountFlag.REC | MountFlag.PRIVATE), value(None), value("/proc"))
    MS_REC | MS_PRIVATE NULL "/proc"
"""

import os
from pathlib import PurePath

from cfslib.isolation.capabilities import Capability
from cfslib.isolation.mounts import MountFlag, UmountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel.flags import Flag
from cfslib.kernel.syscalls import (
    FilterFlag,
    Fsconfig,
    Keyctl,
    MountAttr,
    OpenFlag,
    Prctl,
    Resource,
    Seccomp,
    TreeFlag,
)

_PREFIX = {
    MountFlag: "MS_",
    UmountFlag: "MNT_",
    Namespace: "CLONE_NEW",
    OpenFlag: "O_",
    FilterFlag: "SECCOMP_FILTER_FLAG_",
    MountAttr: "MOUNT_ATTR_",
}
_NAMED = {
    Capability: "CAP_",
    Fsconfig: "FSCONFIG_",
    Keyctl: "KEYCTL_",
    Prctl: "PR_",
    Resource: "RLIMIT_",
    Seccomp: "SECCOMP_",
}
_TREE_NAMES = {
    TreeFlag.CLONE: "OPEN_TREE_CLONE",
    TreeFlag.FROM_FD: "MOVE_MOUNT_F_EMPTY_PATH",
    TreeFlag.TO_FD: "MOVE_MOUNT_T_EMPTY_PATH",
    TreeFlag.EMPTY_PATH: "AT_EMPTY_PATH",
    TreeFlag.RECURSIVE: "AT_RECURSIVE",
    TreeFlag.CLOEXEC: "O_CLOEXEC",
}


def value(of: object) -> str:
    """Return an argument as C has it."""
    if of is None:
        return "NULL"
    if isinstance(of, str | PurePath):
        return _string(os.fsencode(of))
    if isinstance(of, Flag):
        return " | ".join(map(_flag, of)) or "0"
    for kind, prefix in _NAMED.items():
        if isinstance(of, kind):
            return f"{prefix}{of.name}"
    return str(of)


def _flag(flag: Flag) -> str:
    if isinstance(flag, TreeFlag):
        return _TREE_NAMES[flag]
    if flag == Namespace.MNT:
        return "CLONE_NEWNS"  # the first, and nobody expected more
    return f"{_PREFIX[type(flag)]}{flag.name}"


def _string(data: bytes) -> str:
    return f'"{"".join(map(_character, data))}"'


def _character(byte: int) -> str:
    # Three digits each: what follows can then not be taken for a fourth.  A question
    # mark too, because two of them and a third character once meant something else.
    plain = 0x20 <= byte < 0x7F and chr(byte) != "?"
    if plain:
        return "\\" + chr(byte) if chr(byte) in '"\\' else chr(byte)
    return f"\\{byte:03o}"
