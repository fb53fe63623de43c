"""Images that are built: a store of their own, and something to build from."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cfslib.images import host_tools
from cfslib.images.picked import Picked
from cfslib.images.store import Store
from tests.images.handmade import Layout, layer, packed

TOP = Path(__file__).parent.parent.parent
TOOLS = (
    *("sh", "cat", "chmod", "chown", "cp", "echo", "env", "false", "id", "kill", "ln"),
    *("ls", "mkdir", "mkfifo", "mv", "pwd", "readlink", "rm", "rmdir", "sleep", "stat"),
    *("test", "touch", "true", "wc"),
)
PASSWD = "root:x:0:0:root:/root:/bin/sh\nada:x:7:8:Ada:/home/ada:/bin/sh\n"
GROUP = "root:x:0:\nada:x:8:\nstaff:x:50:\n"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an OCI layout with an image to build from, base:1."""
    place = tmp_path_factory.mktemp("base")
    host_tools.build(place / "root", TOOLS)
    more = layer(
        {
            "etc/": b"",
            "etc/passwd": PASSWD.encode(),
            "etc/group": GROUP.encode(),
            "srv/": b"",
            "srv/old": b"old\n",
            "data/deep/": b"",
            "data/deep/file": b"deep\n",
        },
        {"link": "srv"},
    )
    Layout(place / "layout").image(
        "base:1",
        [packed(place / "root"), more],
        Env=["PATH=/usr/local/bin:/usr/bin:/bin", "FROM_BASE=1"],
        Cmd=["sh"],
        Labels={"of": "base"},
    )
    return place / "layout"


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    error: str


@dataclass
class Cfs:
    """`cfs` with a store of its own, and a directory of files to build from."""

    data: Path
    files: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of `cfs`."""
        places = {"PYTHONPATH": str(TOP), "XDG_DATA_HOME": str(self.data)}
        return {**os.environ, **places}

    def start_line(self, *argv: str | Path) -> list[str]:
        """Return what starts `cfs` with these words."""
        return [sys.executable, "-m", "cfslib.cli.entry", *map(str, argv)]

    def start(self, *argv: str | Path) -> "subprocess.Popen[str]":
        """Start `cfs` with these words."""
        return subprocess.Popen(
            self.start_line(*argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def __call__(self, *argv: str | Path) -> Done:
        """Run `cfs` with these words to its end."""
        process = self.start(*argv)
        out, error = process.communicate(timeout=120)
        return Done(process.returncode, out, error)

    def write(self, files: "Mapping[str, str | bytes]") -> None:
        """Add files to those there are to copy."""
        for name, content in files.items():
            path = self.files / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def build(self, dockerfile: str, *options: str) -> Done:
        """Build tool:1."""
        self.write({"Dockerfile": dockerfile})
        return self("image", "build", "-t", "tool:1", *options, self.files)

    def built(self, dockerfile: str, *options: str) -> list[str]:
        """Build tool:1, which has to be possible; return the lines that it prints."""
        done = self.build(dockerfile, *options)
        assert done.code == 0, done.error
        return done.out.splitlines()

    def run(self, *argv: str) -> str:
        """Run a command in tool:1; return what it prints."""
        done = self("run", "--image", "tool:1", *argv)
        assert done.code == 0, done.error
        return done.out

    @property
    def store(self) -> Store:
        """Return the store."""
        return Store(self.data / "cfs")

    @property
    def image(self) -> Picked:
        """Return what was built."""
        return self.store.find("tool:1")

    @property
    def tree(self) -> Path:
        """Return the files of what was built."""
        return Path(self.image.tree)

    @property
    def config(self) -> dict[str, Any]:
        """Return what the image says of itself."""
        found: dict[str, Any] = json.loads(
            self.store.blobs.read(self.image.config, 1 << 20)
        )
        return found


@pytest.fixture
def cfs(tmp_path: Path, base: Path) -> Cfs:
    """Return `cfs`, with base:1 in its store."""
    (tmp_path / "files").mkdir()
    made = Cfs(tmp_path / "data", tmp_path / "files")
    (tmp_path / "data").mkdir()
    done = made("image", "load", base, "base:1")
    assert done.code == 0, done.error
    return made


def cached(lines: list[str]) -> list[bool]:
    """Say of each step that makes a layer if it was there."""
    names = ("RUN", "COPY", "ADD", "WORKDIR")
    steps = [line.partition("] ")[2] for line in lines if line.startswith("[")]
    return [
        step.startswith("CACHED")
        for step in steps
        if step.removeprefix("CACHED ").split()[0] in names
    ]
