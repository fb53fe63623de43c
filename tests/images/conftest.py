"""A cache, and tools that come and go beside it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import builds as builds_of_cache
from cfslib.images import host_tools
from cfslib.kernel import syscalls
from tests.conftest import ROOT

T = TypeVar("T")

# What may be in the way under some name; `precious` is beside it.
RUBBISH: dict[str, Callable[[Path], object]] = {
    "file": lambda place: place.write_text("rubbish"),
    "link": lambda place: place.symlink_to("precious"),
    "link to nothing": lambda place: place.symlink_to("nowhere"),
    "FIFO": os.mkfifo,
    "directory": Path.mkdir,
    "full directory": lambda place: (place / "more").mkdir(parents=True),
}
# A build with all of them takes ten times as long, and is the same in all else.
FEW = ("cat", "env", "ls", "sh", "sleep", "true")
ABSENT = [name for name in host_tools.EVERYDAY if not host_tools.find(name)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the cache is in `environment`, and have it hold few tools."""
    tools = (*FEW, *ABSENT)
    monkeypatch.setattr(host_tools, "EVERYDAY", tools)
    monkeypatch.setattr(builds_of_cache, "EVERYDAY", tools)
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


def closed_tool(name: str, directory: Path) -> Path:
    """Copy a tool that may be executed and not read, even by root `without_rights`."""
    directory.mkdir()
    closed = Path(shutil.copy(host_tools.find(name) or "", directory / name))
    if ROOT:
        os.chown(closed, 65534, 65534)
    closed.chmod(0o4711 if ROOT else 0o111)
    return closed


def without_rights(func: Callable[[], T]) -> T:
    """Call a function in a child that may read no more than anybody."""

    def child() -> T:
        syscalls.capset(0, 0, 0)
        return func()

    return in_child(child)
