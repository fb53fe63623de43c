"""The image, built once with whatever engine is here, and how to run things in it."""

import os
import subprocess
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent.parent
NAME = "cfs-test"  # never the image and the volume that somebody works with
VOLUME = f"{NAME}-workshop"
NAME_AND_TAG = "{{.Repository}}:{{.Tag}}"


@dataclass(frozen=True)
class Image:
    """The workshop's image, and the engine that has it."""

    engine: str
    took: float  # seconds to build

    def options(self) -> list[str]:
        """Return the security options that `make run` gives."""
        return output([".docker/options", self.engine]).split()

    def run(
        self, *command: str, options: Sequence[str] | None = None, tag: str = NAME
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the image; return its exit code and all it printed."""
        given = self.options() if options is None else options
        return subprocess.run(
            [self.engine, "run", "--rm", "--no-healthcheck", *given, tag, *command],
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def inspect(self, what: str, tag: str = NAME) -> str:
        """Return one field of an image, named as in a Go template."""
        words = [self.engine, "image", "inspect", "--format", f"{{{{{what}}}}}", tag]
        return output(words).strip()

    def containers(self, what: str = ".ID") -> list[str]:
        """Return one field of each container there is of it, running or not."""
        form = f"{{{{.Image}}}} {{{{{what}}}}}"
        lines = output([self.engine, "ps", "--all", "--format", form]).splitlines()
        return [line.partition(" ")[2] for line in lines if NAME in line]


def output(words: Sequence[str]) -> str:
    """Run a program and return what it printed."""
    return subprocess.run(
        words, cwd=TOP, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def build(
    engine: str, where: Path = TOP, tag: str = NAME, target: str = "workshop"
) -> float:
    """Build as people do; return how many seconds it took."""
    started = time.monotonic()
    done = subprocess.run(
        ["make", "build", f"ENGINE={engine}", f"IMAGE={tag}", f"TARGET={target}"],
        cwd=where,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return time.monotonic() - started


@pytest.fixture(scope="session")
def image() -> Generator[Image]:
    """Build the image; remove it and its volume at the end."""
    engine = os.environ["ENGINE"]  # as `make test-image` says
    yield Image(engine, build(engine))
    # By name, and without force: what somebody works with can be the same image.
    names = output([engine, "images", "--format", NAME_AND_TAG]).split()
    ours = [name for name in names if NAME in name]
    subprocess.run([engine, "rmi", *ours], stdout=subprocess.DEVNULL)
    subprocess.run([engine, "volume", "rm", VOLUME], stdout=subprocess.DEVNULL)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_behind(image: Image) -> Generator[None]:
    """See that no container is left; an engine has mounts and groups of its own."""
    yield

    assert not image.containers()
