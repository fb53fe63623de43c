"""scratch: directories for the time that a notebook's kernel lives."""

import atexit
import shutil
import subprocess
import tempfile
from pathlib import Path

_guards: list[subprocess.Popen[bytes]] = []


def directory() -> Path:
    """Make a directory that is gone as soon as this process is, however that ends.

    We remove it as we end.  And a shell waits for the end of its standard input, which
    is ours, in case that we are killed.
    """
    place = tempfile.mkdtemp(prefix="cfs-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    _guards.append(
        subprocess.Popen(
            ["sh", "-c", 'cat; rm -rf "$0"', place],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # or what ends us by our group ends it, too
        )
    )
    return Path(place)
