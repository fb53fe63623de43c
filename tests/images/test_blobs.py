import hashlib
import io
import os
import threading
from pathlib import Path

import pytest

from cfslib.images.blobs import Blobs
from cfslib.images.compression import BadDigest
from tests.images.handmade import digest

DATA = b"some layer" * 1000


def add(blobs: Blobs, data: bytes, said: bytes = DATA, size: int | None = None) -> None:
    length = len(said) if size is None else size
    blobs.add(digest(said), length, io.BytesIO(data))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path / "blobs/sha256"))


def test_a_blob_is_found_by_its_hash(blobs: Blobs) -> None:
    add(blobs, DATA)

    assert blobs.has(digest(DATA))
    assert blobs.has(digest(DATA), len(DATA))
    assert not blobs.has(digest(DATA), len(DATA) + 1)
    assert blobs.read(digest(DATA), len(DATA)) == DATA
    assert list(blobs) == [digest(DATA)]
    assert Path(blobs.path(digest(DATA))).name == hashlib.sha256(DATA).hexdigest()


@pytest.mark.parametrize(
    ("data", "size", "why"),
    [
        (DATA[:-1] + b"X", None, "should be sha256:.*, and is sha256:"),
        (DATA[:-1], None, "ends 1 bytes before"),
        (DATA + b"X", None, "is longer than"),
        (b"", None, "ends 10000 bytes before"),
        (DATA, 5, "is longer than"),
    ],
)
def test_another_blob_than_was_said_is_refused_and_gone(
    blobs: Blobs, data: bytes, size: int | None, why: str
) -> None:
    with pytest.raises(BadDigest, match=why):
        add(blobs, data, size=size)

    assert os.listdir(Path(blobs.path("x")).parent) == []


def test_what_was_changed_where_it_lies_is_noticed(blobs: Blobs) -> None:
    add(blobs, DATA)
    Path(blobs.path(digest(DATA))).write_bytes(b"other")

    with pytest.raises(BadDigest):
        blobs.read(digest(DATA), len(DATA))


def test_what_somebody_could_not_finish_is_begun_anew(blobs: Blobs) -> None:
    part = Path(f"{blobs.path(digest(DATA))}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"longer than what will be there" * 1000)
    add(blobs, DATA)

    assert blobs.read(digest(DATA), len(DATA)) == DATA
    assert not part.exists()


class Slow(io.BytesIO):
    """A stream that waits before its last byte."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        """Wait, and read."""
        self.begun.set()
        assert self.go_on.wait(30)
        return super().read(size)


def test_who_brings_the_same_at_the_same_time_waits_and_finds_it(blobs: Blobs) -> None:
    slow, other = Slow(DATA), io.BytesIO(DATA)
    first = threading.Thread(
        target=blobs.add, args=[digest(DATA), len(DATA), slow], daemon=True
    )
    second = threading.Thread(
        target=blobs.add, args=[digest(DATA), len(DATA), other], daemon=True
    )
    first.start()
    assert slow.begun.wait(30)
    second.start()
    second.join(0.1)
    assert second.is_alive()
    slow.go_on.set()
    first.join(30)
    second.join(30)

    assert blobs.has(digest(DATA))
    assert other.tell() == 0  # it was not needed


def test_removing_says_how_much_is_free_then_and_may_be_done_twice(
    blobs: Blobs,
) -> None:
    add(blobs, DATA)

    assert blobs.remove(digest(DATA)) == len(DATA)
    assert blobs.remove(digest(DATA)) == 0
    assert list(blobs) == []
