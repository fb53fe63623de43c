"""Other tools for images, each with a store of its own that is gone afterwards."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skip a test where a tool is missing."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


def call(*argv: str | Path) -> str:
    """Run a tool, and return what it prints."""
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout.strip()


class Engine:
    """podman or buildah, with a store of its own, by a driver without mounts."""

    def __init__(self, tool: str) -> None:
        # podman wants the way to it short.
        self._place = tempfile.TemporaryDirectory(prefix=tool, dir="/tmp")
        root, run = f"{self._place.name}/root", f"{self._place.name}/run"
        where = ("--root", root, "--runroot", run)
        self._call = (tool, *where, "--storage-driver", "vfs")

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self._place.cleanup()

    def __call__(self, *argv: str | Path) -> str:
        """Have the engine do something, and return what it prints."""
        return call(*self._call, *argv)
