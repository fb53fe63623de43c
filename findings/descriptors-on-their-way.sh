#!/bin/sh
# A process cannot send a descriptor, because another process of the same user has sent
# some that nobody has received yet.
#
# Seen with Linux 6.18.  A descriptor in a message of a Unix socket (SCM_RIGHTS) is on its
# way until somebody receives it.  Those on their way are counted for the user, over all
# processes and containers of that user id, but the limit that the count is held against
# is RLIMIT_NOFILE of the process that sends.  So one that may open few files, and has
# none on its way, gets ETOOMANYREFS ("Too many references: cannot splice") while a
# neighbour has many; another user with the same limit does not.  Not so with
# CAP_SYS_RESOURCE or CAP_SYS_ADMIN, so it needs root here to become two users.
set -eu
[ "$(id -u)" = 0 ] || { echo "run it as root: it becomes two ordinary users"; exit 1; }

dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
cat >"$dir/send.py" <<'PY'
import errno
import os
import platform
import resource
import socket

NEIGHBOUR, STRANGER, MANY, FEW = 64123, 64124, 200, 64


def answer_for(user: int) -> str:
    """Send one descriptor as a user who may have few; return how that ends."""
    said, saying = os.pipe()
    if os.fork() == 0:
        os.setresuid(user, user, user)
        resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW))
        here, there = socket.socketpair()
        try:
            socket.send_fds(here, [b"x"], [0])
            os.write(saying, b"sent")
        except OSError as error:
            os.write(saying, errno.errorcode[error.errno].encode())
        os._exit(0)
    os.wait()
    return os.read(said, 100).decode()


ready, tell = os.pipe()
here, there = socket.socketpair()  # those on their way stay there
if os.fork() == 0:
    os.setresuid(NEIGHBOUR, NEIGHBOUR, NEIGHBOUR)
    socket.send_fds(here, [b"x"], [0] * MANY)
    os.write(tell, b"!")
    os._exit(0)
os.read(ready, 1)
seen = answer_for(NEIGHBOUR), answer_for(STRANGER)
print("Linux", platform.release(), "the same user and another:", *seen)
if seen != ("ETOOMANYREFS", "sent"):
    raise SystemExit("this is new: expected ETOOMANYREFS and sent")
PY
python3 "$dir/send.py"
