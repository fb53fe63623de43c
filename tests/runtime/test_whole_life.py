"""Whoever is killed, all that is left goes with `cfs rm -f` and `cfs image prune`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, needs_namespaces

KILLS = int(os.environ.get("CFS_KILLS", 20))
TOP = Path(__file__).parents[2]
NEEDED = ("ip", "nft", "unshare", "mount") if ROOT else ()
MISSING = [name for name in NEEDED if not shutil.which(name)]


@needs_namespaces
@pytest.mark.long
@pytest.mark.skipif(bool(MISSING), reason=f"needs {' '.join(MISSING)}")
def test_whoever_is_killed_at_any_moment_nothing_stays_for_ever() -> None:
    world = ["unshare", "-nm", "--propagation=private"] if ROOT else []
    kill = [sys.executable, "-m", "tests.runtime.whole_life", str(KILLS)]
    done = subprocess.run([*world, *kill], capture_output=True, text=True, cwd=TOP)

    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr
