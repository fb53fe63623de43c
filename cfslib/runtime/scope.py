"""scope: a part of the cgroup tree that systemd gives to an ordinary user.

Who logs in is in a group of root's, and may make none below it.  But each user has a
systemd, and that may hand over a group, with one process in it and what comes from
that: a scope.  So where a limit cannot be set, systemd starts us anew in one,
once.  See systemd.scope(5), and `Delegate=` in systemd.resource-control(5).
"""

import os
import signal
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from cfslib.images import host_tools
from cfslib.isolation.cgroups import v2
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.kernel import procfs

RUNTIME = "XDG_RUNTIME_DIR"  # where the socket of the user's systemd is
BEGUN = "CFS_BEGUN_ANEW"  # whoever has this variable was started so, wherever it is
PATIENCE = 30  # seconds, as for a container; a systemd that hangs answers nobody
NAME = "systemd-run"


def begin_anew(
    error: OSError, path: str | None = None, files: Sequence[str] = ()
) -> None:
    """If it may mend this error, begin anew in a scope; else return.

    `path` is where systemd-run is looked for, if not in the usual directories.  Of
    `files`, which were read for the command line, each must have its text once more.
    """
    if not isinstance(error, CannotLimit) or BEGUN in os.environ:
        return
    line = words([sys.executable, *sys.orig_argv[1:]], path)
    if not line:
        return
    if once := [file for file in files if not _can_be_read_again(file)]:
        error.add_note(f"Hint: to begin anew in a scope, {once[0]} has to be a file.")
        return
    with suppress(OSError):  # without, it may take for ever
        _end_if_it_hangs()
    try:
        os.execve(line[0], line, environment())
    except OSError:
        return  # what could not be limited is what there is to say


def _can_be_read_again(file: str) -> bool:
    """Say if it has its text for everybody who reads; a pipe has it once."""
    try:
        return stat.S_ISREG(os.stat(file).st_mode)
    except OSError:
        return False


def _end_if_it_hangs() -> None:
    """Have a process look after us while we are systemd-run, and no longer."""
    reader, writer = os.pipe()  # is closed when systemd-run begins
    ours = os.getpid()
    child = os.fork()
    if child:
        os.close(reader)
        os.waitpid(child, 0)
        return
    try:
        if not os.fork():  # nobody's child: who begins anew has none
            os.close(writer)
            _look_after(ours, reader)
    finally:
        os._exit(0)


def _look_after(pid: int, reader: int) -> None:
    os.setsid()  # Ctrl-C is not for us
    for stream in (0, 1):  # nor are these kept open
        os.close(stream)
    os.read(reader, 1)
    end = time.monotonic() + PATIENCE
    while _is_systemd_run(pid):
        if time.monotonic() > end:
            os.write(2, f"cfs: {NAME} has not answered for {PATIENCE} s\n".encode())
            os.write(
                2, b"  Hint: ask `systemctl --user status`, or do without limits.\n"
            )
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.05)


def _is_systemd_run(pid: int) -> bool:
    try:
        return procfs.status(pid)["Name"] == NAME
    except OSError:
        return False


def words(argv: Sequence[str], path: str | None = None) -> list[str]:
    """Return what starts a program in a scope; nothing where there is no systemd."""
    systemd_run = host_tools.find(NAME, path)
    has_its_own = os.geteuid() != 0 and os.access(
        f"{_directory()}/systemd/private", os.W_OK
    )
    if not systemd_run or not has_its_own:
        return []
    name = f"--unit={v2.SCOPE}{os.getpid()}"
    options = ["--user", "--scope", "--quiet", "--collect", "--property=Delegate=yes"]
    return [str(systemd_run), *options, name, "--", *argv]


def environment() -> dict[str, str]:
    """Return our environment, and in it where the user's systemd is."""
    return os.environ | {RUNTIME: _directory(), BEGUN: "1"}


def _directory() -> str:
    return os.environ.get(RUNTIME) or f"/run/user/{os.geteuid()}"
