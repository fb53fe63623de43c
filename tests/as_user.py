"""Run a command as an ordinary user, on a machine where only root is at hand.

    python tests/as_user.py COMMAND [ARG...]

The user has an id that nobody else has, no group but its own, no capability, and an
empty home directory that is gone afterwards.  A checkout or a Python below a private
directory, such as root's home, would be out of its reach.  So the command runs in a
mount namespace in which those directories are covered, and show no more than the way
to what it needs.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from cfslib.isolation import mounts, volumes
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime.spec import Volume

UID = 54321
KEPT = ("PATH", "PYTHONPATH", "LANG", "CI", "PYTEST_ADDOPTS")  # of the environment
NEEDED = {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parent.parent}


def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # or there is no exit status
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    home = Path(tempfile.mkdtemp(prefix="cfs-user-"))
    os.chown(home, UID, UID)
    try:
        return subprocess.run(
            argv, env=_environment(home), preexec_fn=_become_user
        ).returncode
    finally:
        shutil.rmtree(home)


def _environment(home: Path) -> dict[str, str]:
    ours = {name: os.environ[name] for name in KEPT if name in os.environ}
    return ours | {
        "HOME": str(home),
        "TMPDIR": str(home),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(home / ".hypothesis"),  # or in the checkout
        "USER": "learner",
        "LOGNAME": "learner",
        "TERM": "xterm",
        "PYTHONDONTWRITEBYTECODE": "1",  # the checkout is not ours to write
    }


def _become_user() -> None:
    syscalls.unshare(Namespace.MNT)
    mounts.keep_private()
    for private in sorted({found for path in NEEDED if (found := _private_part(path))}):
        _open_a_way(private)
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)
    # A process that gave up root is not "dumpable", and its /proc files are root's,
    # uid_map among them.  A user who logged in never has that.
    syscalls.prctl(Prctl.SET_DUMPABLE, 1)
    syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)


def _private_part(path: Path) -> Path | None:
    """Return the outermost directory on the way that others may not pass."""
    for place in [*reversed(path.resolve().parents), path.resolve()]:
        if not place.stat().st_mode & 0o001:
            return place
    return None


def _open_a_way(private: Path) -> None:
    """Cover a private directory; in it, show the needed ones below it again."""
    below = {
        path.resolve() for path in NEEDED if path.resolve().is_relative_to(private)
    }
    if private in below:  # then all that is in it, since it would stay private itself
        below = (below - {private}) | set(private.iterdir())
    outermost = {path for path in below if not below & set(path.parents)}
    kept = [Volume(str(path), str(path)) for path in sorted(outermost)]
    trees = volumes.detached(kept)
    directory = Path.cwd()
    syscalls.mount("tmpfs", private, "tmpfs", options="mode=755")
    volumes.attach(trees, kept)
    os.chdir(directory)  # what is seen there now


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
