"""A cache, and tools that come and go beside it."""

import os
from pathlib import Path

import pytest

from cfslib.images import host_tools

ABSENT = [name for name in host_tools.EVERYDAY if not host_tools.find(name)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return where the cache is in `environment`."""
    return tmp_path / "cfs"


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a place in our PATH for an everyday tool that this machine lacks."""
    if not ABSENT:
        pytest.skip("needs an everyday tool that is not installed")
    tool = tmp_path / "bin" / ABSENT[0]
    tool.parent.mkdir()
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tool.parent}")
    return tool


def environment(tmp_path: Path, *directories: Path) -> dict[bytes, bytes]:
    """Return that of somebody with this cache, and with these directories in PATH."""
    path = ":".join([os.environ["PATH"], *map(str, directories)])
    return {b"XDG_CACHE_HOME": os.fsencode(tmp_path), b"PATH": os.fsencode(path)}


def write(tool: Path, text: str) -> Path:
    """Make a tool, or change one where it lies."""
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)
    return tool


def builds(place: Path) -> list[str]:
    """Return all builds that are in a cache."""
    return sorted(map(str, place.glob("rootfs-*")))
