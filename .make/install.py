"""Install what a lock file names, and draw how far it has come.

    python install.py LOCK [OPTION OF PIP...]

pip itself says nothing, or three lines a package.
"""

import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from cfslib.images import progress


def main(lock: str, *options: str) -> int:
    """Install it all and return pip's exit status."""
    argv = [sys.executable, "-u", "-m", "pip", "install", "--disable-pip-version-check"]
    argv += ["--require-hashes", "--requirement", lock, *options]
    # Each package is collected first and installed later.
    steps = 2 * Path(lock).read_text().count("==")
    with tempfile.NamedTemporaryFile() as told:
        before = _installed()
        with progress.in_terminal("Installing packages") as shown:
            pip = subprocess.Popen(argv, stdout=told)
            while pip.poll() is None:
                time.sleep(0.2)
                shown(_collected(told.name) + _installed() - before, steps)
    return pip.returncode


def _collected(told: str) -> int:
    text = Path(told).read_text()
    return text.count("Collecting ") + text.count("Processing ")  # the latter of files


def _installed() -> int:
    return len(list(Path(sysconfig.get_path("purelib")).glob("*.dist-info")))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
