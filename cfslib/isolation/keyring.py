"""keyring: a session of its own, without the keys of the host's.

The kernel keeps keys for programs: passwords of network disks, Kerberos tickets.  A
session has a keyring, which children inherit, whatever their namespaces.  Manual
pages: session-keyring(7), keyctl(2).
"""

import enum
import errno

from cfslib.kernel import libc
from cfslib.kernel.tracing import ask


class Keyctl(enum.IntEnum):
    """What keyctl(2) is to do.  Values: <linux/keyctl.h>."""

    JOIN_SESSION_KEYRING = 1

    def __str__(self) -> str:
        return self.name


def join_new_session() -> None:
    """Take an empty session keyring for this process and all that come after.

    Where the kernel has no keys, or a filter such as Docker's forbids to ask for
    them, it forbids that to the command too, and there is nothing to leave behind.
    An ordinary user has 200 keys, and a container costs one: a user namespace counts
    none of its own.  Who has no session keyring to leave may exceed that.
    """
    try:
        ask(
            "keyctl",
            libc.keyctl,
            operation=Keyctl.JOIN_SESSION_KEYRING,
            name=None,  # a name would be one that others can join
        )
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise
