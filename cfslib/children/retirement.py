"""retirement: how a helper learns that it is wanted no more, and how urgently.

Both show on the socket that its requests come by, to `poll` and to `epoll`, and neither
needs a message, which might find no room:

                          the client       recv() here   poll() here says
    retired               shut one way     b"", at last  POLLIN
    its client is gone    closed it        b"", at last  POLLIN and POLLHUP

A retired helper looks no more for POLLIN, which would be there for ever; POLLHUP is
told unasked.  It lets go of what it has ready for the next request, and ends when
everything that it was asked for has ended.
"""

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket


def retire(requests: "_socket.socket") -> None:
    """Be the client: ask for nothing more."""
    try:
        requests.shutdown(1)  # SHUT_WR: we still hold it, and can be told things
    except OSError:
        pass  # the helper has ended


def is_gone(events: int) -> bool:
    """Be the helper: say if these events of the socket mean that the client is gone.

    Without that, a request of no bytes says that we are retired.
    """
    return bool(events & select.POLLHUP)
