"""request: what a program with threads asks the server for."""

import marshal
import posix

from cfslib.runtime import direct, spec
from cfslib.runtime.container import Created

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from cfslib.images.cache import InUse
    from cfslib.isolation.cgroups.janitor import Janitor
    from cfslib.runtime.spec import Spec


class Request:
    """What to run, for whom, and where."""

    def __init__(
        self,
        spec: "Spec",
        environ: "dict[bytes, bytes]",
        directory: str,
        is_traced: bool,
    ) -> None:
        self.spec = spec
        self.environ = environ
        self.directory = directory
        self.is_traced = is_traced

    def packed(self) -> bytes:
        """Return this as bytes, for `unpacked`."""
        return marshal.dumps(
            tuple((vars(self) | {"spec": self.spec.as_plain()}).values())
        )

    def is_alike(self, other: "Request") -> bool:
        """Say if one container would do for both, but for the command."""
        return (
            vars(self.spec) | {"argv": []} == vars(other.spec) | {"argv": []}
            and self.environ == other.environ
            and self.directory == other.directory
            and not other.is_traced
        )


def unpacked(data: bytes) -> Request:
    """Return the request that a client has packed."""
    plain, environ, directory, is_traced = marshal.loads(data)
    return Request(spec.from_plain(plain), environ, directory, is_traced)


class Made:
    """A container for a request, and the rootfs that it uses."""

    def __init__(self, request: Request, janitor: "Callable[[], Janitor]") -> None:
        posix.chdir(request.directory)
        self.request = request
        self.container = Created(
            request.spec, self._find_rootfs, streams_follow=True, janitor=janitor
        )

    def _find_rootfs(self) -> "InUse":
        self._rootfs = direct.rootfs_for(self.request.spec, self.request.environ)
        return self._rootfs

    def is_current(self) -> bool:
        """Say if it waits for its word, and one made now would have the same rootfs."""
        has_ended = self.container.channel.has_something()
        return not has_ended and self._rootfs.is_current()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.container.__exit__()
