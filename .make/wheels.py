"""Fetch every package that a lock file names, for each Python that we promise.

    python wheels.py LOCK DIRECTORY

A few packages are for some Pythons only, and pip goes by the Python that runs it.  So
this reads the lock itself, and asks pip for one Python after the other.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

# 3.11.2 is Debian 12's; the lock has something that is for Pythons before 3.11.5.
PYTHONS = ("3.11.2", "3.11.9", "3.12.0", "3.13.0")


def main(lock: str, directory: str) -> None:
    """Fetch them all."""
    for python in PYTHONS:
        print(f"Fetching the packages for Python {python} into {directory}/")
        with tempfile.NamedTemporaryFile("w", suffix=".lock") as file:
            file.write(wanted(Path(lock).read_text(), python))
            file.flush()
            pip = [sys.executable, "-m", "pip", "download", "--quiet"]
            pip += ["--disable-pip-version-check", "--no-deps", "--require-hashes"]
            pip += ["--only-binary=:all:", "--python-version", python]
            pip += ["--requirement", file.name, "--dest", directory]
            subprocess.run(pip, check=True)


def wanted(lock: str, python: str) -> str:
    """Return the part of a lock that is for a Python, without the conditions."""
    here = {key: str(value) for key, value in default_environment().items()}
    here["python_version"] = python.rpartition(".")[0]
    here["python_full_version"] = python
    parts = []
    for part in re.findall(r"^[\w.-]+==.*(?:\n +--hash=.*)+", lock, re.MULTILINE):
        line, _, hashes = part.partition("\\")
        marker = Requirement(line).marker
        if not marker or marker.evaluate(here):
            parts.append(f"{line.partition(';')[0].strip()} \\{hashes}\n")
    return "".join(parts)


if __name__ == "__main__":
    main(*sys.argv[1:])
