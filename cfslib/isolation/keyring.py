"""keyring: a session of its own, without the keys of the host's.

The kernel keeps keys for programs: passwords of network disks, Kerberos tickets.  A
session has a keyring, which children inherit, whatever their namespaces.  Manual
pages: session-keyring(7), keyctl(2).
"""

import errno

from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Keyctl


def join_new_session() -> None:
    """Take an empty session keyring for this process and all that come after.

    Where the kernel has no keys, or a filter such as Docker's forbids to ask for
    them, it forbids that to the command too, and there is nothing to leave behind.
    An ordinary user has 200 keys, and a container costs one: a user namespace has
    no count of its own.  A process without a session keyring may exceed the 200.
    """
    try:
        # A name in place of None would be one that others can join.
        syscalls.keyctl(Keyctl.JOIN_SESSION_KEYRING, None)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise
