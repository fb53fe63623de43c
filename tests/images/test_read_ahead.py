"""A stream that a thread reads ahead."""

import io

import pytest

from cfslib.images.read_ahead import Ahead
from cfslib.kernel import procfs

pytestmark = pytest.mark.alike


def test_it_brings_what_the_stream_has() -> None:
    data = bytes(range(256)) * 9999
    with Ahead(io.BytesIO(data)) as ahead:
        pieces = list(iter(lambda: ahead.read1(1000), b""))

    assert b"".join(pieces) == data


def test_what_goes_wrong_reaches_the_one_who_reads() -> None:
    class Broken:
        def read1(self, _: int) -> bytes:
            raise EOFError("cut short")

    with Ahead(Broken()) as ahead, pytest.raises(EOFError, match="cut short"):
        ahead.read1(1)


def test_afterwards_we_can_fork_again() -> None:
    before = procfs.thread_count()
    for _ in range(500):
        with Ahead(io.BytesIO(b"x")):
            pass

        assert procfs.thread_count() == before
