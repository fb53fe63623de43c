"""builds: how long it takes to build an image, by us and by buildah."""

import itertools
import os
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import handmade
from tests.bench.commands import installed, run
from tests.bench.way import Start, Way

BUILD, BUILDAH = "cfs image build", "buildah bud"
CACHED, BUILDAH_CACHED = f"{BUILD}, cached", f"{BUILDAH}, cached"
RUNS = 10  # lines of the Dockerfile
_numbers = itertools.count()


def builds(place: Path, base: Path, env: dict[str, str]) -> list[Way]:
    """Return how both build one, anew and with all steps taken before."""
    buildah = engine("buildah", place / "buildah")

    def build(words: Sequence[str], is_new: bool, environ: dict[str, str]) -> int:
        return run([*words, str(_context(place, is_new))], environ)

    def theirs(is_new: bool) -> Generator[Start]:
        run([*buildah, "pull", f"oci:{base}:{handmade.TAG}"])
        id = subprocess.check_output([*buildah, "images", "-q"], text=True).split()[-1]
        run([*buildah, "tag", id, "localhost/base:1"])
        words = [*buildah, "bud", "--layers", "--network", "host"]
        yield lambda: build(words, is_new, {**os.environ})

    def ours(is_new: bool) -> Generator[Start]:
        yield lambda: build([*installed(), "image", "build"], is_new, env)

    mine, other = contextmanager(ours), contextmanager(theirs)
    return [
        Way(BUILD, lambda: mine(is_new=True)),
        Way(CACHED, lambda: mine(is_new=False)),
        Way(BUILDAH, lambda: other(is_new=True), may_fail=True),
        Way(BUILDAH_CACHED, lambda: other(is_new=False), may_fail=True),
    ]


def _context(place: Path, is_new: bool) -> Path:
    """Return a directory with a Dockerfile, none of whose steps was taken if new."""
    context = place / "context"
    context.mkdir(exist_ok=True)
    first = next(_numbers) if is_new else "the same"
    lines = [f"RUN echo {first} {number} > /made-{number}" for number in range(RUNS)]
    text = "\n".join(["FROM base:1", *lines])
    (context / "Dockerfile").write_text(f"{text}\n")
    return context


def engine(tool: str, place: Path) -> list[str]:
    """Return the words that start podman or buildah with a store in a directory."""
    return [tool, "--root", str(place / "root"), "--runroot", str(place / "run")]
