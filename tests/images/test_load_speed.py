"""How long it takes to unpack an image, beside others, and how much memory."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cfslib.images.tar import Entry
from tests.conftest import in_time, needs_root
from tests.images.peers import Engine, needs
from tests.images.trees import archive, directory, file, layout

pytestmark = [
    pytest.mark.long,
    pytest.mark.alone("its time is compared with that of others"),
    pytest.mark.alike,
]
FILES, SIZE, LAYERS = 2000, 22_500, 4  # a tenth of 450 MB and 20,000 files
MEMORY = 64 << 10  # KB
UNPACK = ("-m", "tests.images.unpacking")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an image of files that gzip packs as it does programs and texts."""
    chance = random.Random(1)
    words = [chance.randbytes(chance.randint(2, 40)) for _ in range(3000)]
    text = b"".join(chance.choices(words, k=400_000))
    stories = []
    for layer in range(LAYERS):
        entries: list[Entry | tuple[Entry, bytes]] = []
        for number in range(FILES // LAYERS):
            where = f"usr/{layer}/{number // 20}"
            if number % 20 == 0:
                entries.append(directory(where))
            at = chance.randrange(len(text) - 10 * SIZE)
            size = min(int(chance.expovariate(1 / SIZE)), 10 * SIZE)
            entries.append(file(f"{where}/{number}", text[at : at + size]))
        stories.append(archive(*entries))
    return layout(tmp_path_factory.mktemp("speed") / "image", *stories)


def ours(image: Path, tree: Path) -> float:
    """Unpack in a process of its own, and return how long it took."""
    return timed(sys.executable, *UNPACK, str(image), str(tree))


def timed(*argv: str) -> float:
    begin = time.monotonic()
    subprocess.run(argv, check=True, capture_output=True)
    return time.monotonic() - begin


@needs_root
@needs("umoci")
def test_we_are_faster_than_umoci(image: Path, tmp_path: Path) -> None:
    mine, theirs = [], []
    for number in range(3):
        mine.append(ours(image, tmp_path / f"ours{number}"))
        bundle = str(tmp_path / f"umoci{number}")
        theirs.append(timed("umoci", "unpack", "--image", f"{image}:test", bundle))

    in_time(min(mine) / min(theirs), 0.5)  # 0.4 of a large one


@needs_root
@needs("podman")
def test_we_are_faster_than_podman(image: Path, tmp_path: Path) -> None:
    mine, theirs = [], []
    for number in range(3):
        mine.append(ours(image, tmp_path / f"ours{number}"))
        with Engine("podman") as engine:
            begin = time.monotonic()
            engine("pull", f"oci:{image}:test")
            theirs.append(time.monotonic() - begin)

    in_time(min(mine) / min(theirs), 0.9)


def test_memory_does_not_grow_with_the_image(image: Path, tmp_path: Path) -> None:
    argv = [sys.executable, *UNPACK, str(image), str(tmp_path / "tree")]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)

    assert int(done.stdout) < MEMORY
