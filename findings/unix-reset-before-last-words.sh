#!/bin/sh
# A Unix socket that keeps messages reports a reset before the data that came earlier;
# one that is a stream reports it after the data.
#
# Seen with Linux 6.18 and Python 3.11.7.  A peer sends its last words and ends, and
# something that was sent to it lies unread.  On a stream one reads the last words, then
# ECONNRESET, then the end.  On SOCK_SEQPACKET the first read fails with ECONNRESET, and
# only the next one returns the words.  So whoever gives up at the error loses a message
# that had arrived before it: the maker of a container, say, never learns why its PID 1
# ended.  TCP throws such data away; unix(7) tells of none of this.
set -eu

dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
cat >"$dir/look.py" <<'PY'
import os
import platform
import socket

EXPECTED = {
    socket.SOCK_SEQPACKET: ["ECONNRESET", "last words", "end"],
    socket.SOCK_STREAM: ["last words", "ECONNRESET", "end"],
}


def read(ours: socket.socket) -> str:
    try:
        return ours.recv(100).decode() or "end"
    except ConnectionResetError:
        return "ECONNRESET"


print("Linux", platform.release(), "Python", platform.python_version())
for kind, expected in EXPECTED.items():
    ours, theirs = socket.socketpair(type=kind)
    ours.send(b"an order that nobody reads")
    if (pid := os.fork()) == 0:
        theirs.send(b"last words")
        os._exit(0)
    theirs.close()
    os.waitpid(pid, 0)
    seen = [read(ours) for _ in range(3)]
    print(kind.name, *seen, sep=", ")
    if seen != expected:
        raise SystemExit(f"this is new: expected {expected}")
PY
python3 "$dir/look.py"
