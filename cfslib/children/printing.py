"""printing: print what a child prints, until it has answered."""

import codecs
import io
import select
import socket
import sys


def print_until_answered(output: io.FileIO, answer: socket.socket) -> bytearray:
    """Print what the child prints; return all that came through the socket."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    data = bytearray()
    events = select.poll()
    for source in (output, answer):
        events.register(source, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in events.poll()}
        if output.fileno() in ready:  # first: it was printed before the end
            text = output.read(1 << 16)
            if sys.stdout:  # None where our caller closed it
                sys.stdout.write(decoder.decode(text, final=not text))
            if not text:
                events.unregister(output)
        elif chunk := _received(answer):
            data += chunk
        else:
            return data


def _received(answer: socket.socket) -> bytes:
    """Return what has come; nothing is the end, and so is a request never read."""
    try:
        return answer.recv(1 << 16)
    except ConnectionResetError:
        return b""
