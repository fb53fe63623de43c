"""scope: a part of the cgroup tree that systemd gives to an ordinary user.

Who logs in is in a group of root's, and may make none below it.  But each user has a
systemd, and that may hand over a group, with one process in it and what comes from
that: a scope.  So where a limit cannot be set, systemd starts us anew in one,
once.  See systemd.scope(5), and `Delegate=` in systemd.resource-control(5).
"""

import os
import sys
from collections.abc import Sequence

from cfslib.images import host_tools
from cfslib.isolation.cgroups import v2
from cfslib.isolation.cgroups.hierarchies import CannotLimit

RUNTIME = "XDG_RUNTIME_DIR"  # where the socket of the user's systemd is
BEGUN = "CFS_BEGUN_ANEW"  # whoever has this variable was started so, wherever it is


def begin_anew(error: OSError, path: str | None = None) -> None:
    """If it may mend this error, begin anew in a scope; else return.

    `path` is where systemd-run is looked for, if not in the usual directories.
    """
    if not isinstance(error, CannotLimit) or BEGUN in os.environ:
        return
    line = words([sys.executable, *sys.orig_argv[1:]], path)
    if not line:
        return
    try:
        os.execve(line[0], line, environment())
    except OSError:
        return  # what could not be limited is what there is to say


def words(argv: Sequence[str], path: str | None = None) -> list[str]:
    """Return what starts a program in a scope; nothing where there is no systemd."""
    systemd_run = host_tools.find("systemd-run", path)
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
