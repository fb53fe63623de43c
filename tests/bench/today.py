"""today: `cfs` as it was before there was one way only, to time beside that of now.

"Today" is the day on which the bars were set.  The package of that commit, and a `cfs`
that its own launcher writes, with the same Python as ours.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench.ways import TOP

COMMIT = "50a95f2"
NAME = "today"
# Counted on 2026-11-29 as `size` does, so without predictions, journal and rehearsal,
# which were not in the folder `lessons` then.
LINES = 7619


def check_out(things: Path, commit: str = COMMIT) -> str:
    """Put it among the things; say which commit it is, or why it is not there."""
    words = ["git", "-C", str(TOP), "archive", commit, "cfslib"]
    try:
        archive = subprocess.run(words, capture_output=True, check=True).stdout
    except FileNotFoundError:
        return "left out: git is not installed"
    except subprocess.CalledProcessError as error:  # a shallow clone may lack it
        return f"left out: {os.fsdecode(error.stderr).strip()}"
    place = things / NAME
    place.mkdir()
    subprocess.run(["tar", "-x", "-C", str(place)], input=archive, check=True)
    for words in (["compileall", "-q", "cfslib"], ["cfslib.launcher", "cfs"]):
        subprocess.run([sys.executable, "-m", *words], cwd=place, check=True)
    return commit


def cfs(things: Path) -> list[str]:
    """Return the words that start it; none if it is not there."""
    program = things / NAME / "cfs"
    return [str(program)] if program.exists() else []


@contextmanager
def environment() -> Generator[Mapping[str, str]]:
    """Keep a cache for it for a `with` block, so that it does not meet ours."""
    with tempfile.TemporaryDirectory(prefix="cfs-") as cache:
        yield {**os.environ, "XDG_CACHE_HOME": cache}
