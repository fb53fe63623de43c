"""handmade: images for the benchmark, each a directory in the layout of the OCI."""

import random
import shutil
from pathlib import Path

from tests.images.handmade import Layout
from tests.images.trees import archive, directory, file

SIZE, LAYERS = 22_500, 4  # with 20,000 files, that are 450 MB
DIRECTORIES = ("bin", "dev", "proc", "sys", "tmp", "etc", "run")
TAG = "test"  # of each


def large(place: Path, count: int) -> Path:
    """Make an image of many files, which gzip packs as it does programs and texts."""
    chance = random.Random(1)
    words = [chance.randbytes(chance.randint(2, 40)) for _ in range(3000)]
    text = b"".join(chance.choices(words, k=400_000))

    def one(name: str) -> object:
        at = chance.randrange(len(text) - 10 * SIZE)
        size = min(int(chance.expovariate(1 / SIZE)), 10 * SIZE)
        return file(name, text[at : at + size])

    def one_layer(number: int) -> bytes:
        kinds = [directory(f"usr/{number}/{part}") for part in range(20)]
        numbers = range(count // LAYERS)
        files = [one(f"usr/{number}/{each % 20}/{each}") for each in numbers]
        return archive(*kinds, *files)  # type: ignore[arg-type]

    return _image(place, [one_layer(number) for number in range(LAYERS)])


def small(place: Path, layers: int) -> Path:
    """Make an image of busybox, with so many layers."""
    busybox = Path(shutil.which("busybox") or "").read_bytes()
    names = ("bin/sh", "bin/true")
    programs = [file(name, busybox, mode=0o755) for name in names]
    more = [archive(file(f"etc/{number}")) for number in range(layers - 1)]
    return _image(place, [archive(*map(directory, DIRECTORIES), *programs), *more])


def _image(place: Path, layers: list[bytes]) -> Path:
    steps = [f"step {number}" for number in range(len(layers))]  # buildah counts them
    Layout(place).image(TAG, layers, steps=steps)
    return place
