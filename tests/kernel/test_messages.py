import os
import resource
import socket

import pytest

from cfslib.children.in_child import in_child
from cfslib.kernel import messages

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Pair:
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    return ours, theirs


def test_a_message_brings_its_descriptors_closed_on_exec(pair: Pair) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as output, pair[0], pair[1]:
        messages.send(pair[0].fileno(), b"words", [writer, reader])
        os.close(writer)
        data, (got, other) = messages.receive(pair[1].fileno(), 100, 2)
        inheritable = os.get_inheritable(got)
        os.write(got, b"through")
        os.close(got)
        os.close(other)
        assert output.read() == b"through"

    assert data == b"words"
    assert not inheritable


def test_a_message_may_come_without_descriptors(pair: Pair) -> None:
    with pair[0], pair[1]:
        messages.send(pair[0].fileno(), b"words", [])
        assert messages.receive(pair[1].fileno(), 100, 2) == (b"words", [])


def test_it_does_not_wait_if_told_not_to(pair: Pair) -> None:
    with pair[0], pair[1]:
        with pytest.raises(BlockingIOError):
            messages.receive(pair[1].fileno(), 100, 1, socket.MSG_DONTWAIT)
        with pytest.raises(BlockingIOError):
            list(iter(lambda: messages.send(pair[0].fileno(), bytes(4096), []), "full"))


def test_without_room_for_all_descriptors_the_words_still_come() -> None:
    def receive() -> tuple[bytes, int]:
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        messages.send(ours.fileno(), b"words", [0, 0])
        free = os.dup(0)
        os.close(free)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))
        data, descriptors = messages.receive(theirs.fileno(), 100, 2)
        return data, len(descriptors)

    assert in_child(receive) == (b"words", 1)
