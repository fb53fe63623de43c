"""twelve: what each of the twelve rights is for that a container's root has.

For each there is something that takes it, and nothing else.  It is tried with this
right alone, and with the other eleven, in a user namespace that has a second user.
Where there is none, and for what the machine would log, there is a recording.
"""

import errno
import json
import os
import socket
import stat
import struct
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities, idmaps, mounts
from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.observe import rights
from cfslib.observe.rights import ONE_USER, USER

RECORD = Path(__file__).with_suffix(".json")
DONE = "done"
LOGGED = "it would be written to the log of the machine"
_AUDIT, _USER_MESSAGE = 9, 1100  # NETLINK_AUDIT; AUDIT_FIRST_USER_MSG
_ACK = 5  # NLM_F_REQUEST | NLM_F_ACK

Attempt = Callable[[], object]


@dataclass(frozen=True)
class Trial:
    """What takes a right, and how it went with and without it."""

    right: str
    what: str
    alone: str  # with this right and no other: DONE, or what the kernel said
    without: str  # with the other eleven
    recorded: str = ""  # why this did not happen here, if it did not


def try_all() -> list[Trial]:
    """Try each right, here if that can be, in the order of their numbers."""
    alone = in_child(_has_one_user)
    here = in_child(lambda: _in_a_world(alone))
    tried = {trial.right: trial for trial in here}
    why = {name: ONE_USER if name in _TWO_USERS else LOGGED for name in TRIALS}
    return [tried.get(old.right) or _because(old, why[old.right]) for old in recorded()]


def recorded() -> list[Trial]:
    """Return what another machine said."""
    return [Trial(**trial) for trial in json.loads(RECORD.read_text())]


def record() -> None:
    """Write down how it goes here, for root of a machine; one line may be logged."""
    found = in_child(lambda: _in_a_world(alone=False))
    # The log is the machine's, and takes nothing from a user namespace.
    found += in_child(lambda: _tried(["AUDIT_WRITE"]))
    found.sort(key=lambda trial: Capability[trial.right])
    RECORD.write_text(json.dumps([asdict(trial) for trial in found], indent=1) + "\n")


def _because(trial: Trial, why: str) -> Trial:
    return Trial(**asdict(trial) | {"recorded": why})


def _has_one_user() -> bool:
    try:
        rights.be_root_of_two()
    except PermissionError:
        return True
    return False


def _in_a_world(alone: bool) -> list[Trial]:
    """Be root in namespaces of our own, with a second user unless we are alone; try."""
    if alone:
        idmaps.unshare_as_root(Namespace.MNT | Namespace.NET)
    else:
        rights.be_root_of_two()
    mounts.keep_private()
    syscalls.mount("files", "/mnt", "tmpfs")
    not_here = {"AUDIT_WRITE"} | (_TWO_USERS if alone else set())
    return _tried([name for name in TRIALS if name not in not_here])


def _tried(names: Collection[str]) -> list[Trial]:
    return [_trial(name, {Capability[name]}) for name in names]


def _trial(name: str, it: set[Capability]) -> Trial:
    return Trial(name, TRIALS[name][0], answer(name, it), answer(name, DEFAULT - it))


def answer(name: str, kept: Collection[Capability]) -> str:
    """Say how it goes in a child that has given up all but some rights."""

    def tried() -> str:
        attempt = TRIALS[name][1]()
        capabilities.have_only(kept)
        try:
            return DONE if attempt() is not False else "it had no effect"
        except OSError as error:
            return errno.errorcode[error.errno or 0]

    return in_child(tried)


# Each prepares something, with all rights, and returns what takes one.


def _file(uid: int = 0, gid: int = 0) -> str:
    path = f"/mnt/file-{os.getpid()}"
    Path(path).touch()
    os.chown(path, uid, gid)
    return path


def _chown() -> Attempt:
    path = _file()
    return lambda: os.chown(path, USER, -1)


def _dac_override() -> Attempt:
    path = _file()
    os.chmod(path, 0)
    return lambda: os.close(os.open(path, os.O_RDONLY))


def _fowner() -> Attempt:
    path = _file(USER)
    return lambda: os.chmod(path, 0o600)


def _fsetid() -> Attempt:
    path = _file(gid=USER)

    def attempt() -> bool:
        os.chmod(path, stat.S_ISGID | 0o755)  # which never fails
        return bool(os.stat(path).st_mode & stat.S_ISGID)

    return attempt


def _kill() -> Attempt:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(writer)
            os.setresuid(USER, USER, USER)
            os.read(reader, 1)  # until the other end is gone
        finally:
            os._exit(0)
    while rights.look(pid).uid != USER:
        os.sched_yield()

    def attempt() -> None:
        try:
            os.kill(pid, 0)  # no signal, only the question if we may
        finally:
            os.close(writer)
            os.waitpid(pid, 0)

    return attempt


def _setgid() -> Attempt:
    return lambda: os.setresgid(USER, USER, USER)


def _setuid() -> Attempt:
    return lambda: os.setresuid(USER, USER, USER)


def _setpcap() -> Attempt:
    return lambda: syscalls.prctl(Prctl.CAPBSET_DROP, Capability.SYS_TIME)


def _net_bind_service() -> Attempt:
    return lambda: socket.socket().bind(("", 80))


def _sys_chroot() -> Attempt:
    return lambda: syscalls.chroot("/")


def _audit_write() -> Attempt:
    log = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _AUDIT)

    def attempt() -> None:
        text = b"cfs: a test\0"
        head = struct.pack("=IHHII", 16 + len(text), _USER_MESSAGE, _ACK, 1, 0)
        log.sendto(head + text, (0, 0))
        (code,) = struct.unpack("=i", log.recv(8192)[16:20])
        if code:
            raise OSError(-code, os.strerror(-code))

    return attempt


def _setfcap() -> Attempt:
    path = _file()
    return lambda: rights.give_to_file(path, Capability.CHOWN)


TRIALS: dict[str, tuple[str, Callable[[], Attempt]]] = {
    "CHOWN": ("give a file to another user", _chown),
    "DAC_OVERRIDE": ("read a file that nobody may read", _dac_override),
    "FOWNER": ("change the mode of another's file", _fowner),
    "FSETID": ("make a file set-group-ID, for a group that is not ours", _fsetid),
    "KILL": ("send a signal to another user's process", _kill),
    "SETGID": ("take another group id", _setgid),
    "SETUID": ("take another user id", _setuid),
    "SETPCAP": ("take something out of the bounding set", _setpcap),
    "NET_BIND_SERVICE": ("listen at port 80", _net_bind_service),
    "SYS_CHROOT": ("call chroot", _sys_chroot),
    "AUDIT_WRITE": ("write to the audit log of the machine", _audit_write),
    "SETFCAP": ("give a file a right", _setfcap),
}
_TWO_USERS = {"CHOWN", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"}
