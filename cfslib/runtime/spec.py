"""spec: what to run, and in what kind of box.

Data, no behaviour: `container` is what acts on it.

    >>> Spec(["hostname"]).hostname
    'cfs-container'
"""

from cfslib.images.search import PATH
from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace
from cfslib.isolation.rootfs import LAYER
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path
    from typing import Any


NAMESPACES = (
    Namespace.MNT | Namespace.UTS | Namespace.PID | Namespace.IPC | Namespace.CGROUP
)

SCRATCH = 64 << 20  # bytes: as much as /dev/shm has


class Volume(Record):
    """A directory or a file of the host that is seen inside; or files in memory."""

    def __init__(
        self,
        source: "str | Path | None",  # on the host; None for an empty tmpfs
        target: "str | Path",  # inside, absolute
        read_only: bool = False,
        size: int = SCRATCH,  # of a tmpfs, in bytes
    ) -> None:
        self.source = None if source is None else str(source)
        self.target = str(target)
        self.read_only = read_only
        self.size = size


class Spec(Record):
    """Everything there is to know before a container starts."""

    def __init__(
        self,
        argv: "Sequence[str]",
        *,
        rootfs: "str | Path | None" = None,  # None: the everyday tools of this machine
        hostname: str = "cfs-container",
        env: "Mapping[str, str] | None" = None,  # beside the four that we set
        workdir: "str | Path" = "/",
        user: str = "0",  # UID[:GID], or a name from the container's /etc/passwd
        namespaces: Namespace = NAMESPACES,  # USER joins them unless we are root
        limits: "Limits | None" = None,  # None: those of Limits()
        volumes: "Sequence[Volume]" = (),
        capabilities: "Collection[Capability]" = DEFAULT,
        read_only: bool = False,
        layer_max: int = LAYER,  # bytes of files that are written, and in memory
        terminal: bool = False,  # a pty of its own, joined to our terminal
        interactive: bool = False,  # without one, it still gets what is typed into ours
        leave_out: "Collection[str]" = (),  # steps not to take, to see what comes of it
    ) -> None:
        self.argv = list(argv)
        self.rootfs = None if rootfs is None else str(rootfs)
        self.hostname = hostname
        self.env = dict(env or {})
        self.workdir = str(workdir)
        self.user = user
        self.namespaces = Namespace(namespaces)
        self.limits = limits or Limits()
        self.volumes = list(volumes)
        self.capabilities = frozenset(capabilities)
        self.read_only = read_only
        self.layer_max = layer_max
        self.terminal = terminal
        self.interactive = interactive
        self.leave_out = frozenset(leave_out)

    def environment(self, term: str = "dumb") -> "dict[str, str]":
        """Return what the command finds in its environment, and no more."""
        ours = {"PATH": PATH, "HOME": "/root", "TERM": term, "HOSTNAME": self.hostname}
        return ours | self.env

    def as_plain(self) -> "dict[str, Any]":
        """Return this as numbers and text, for another process of ours."""
        return vars(self) | {
            "namespaces": int(self.namespaces),
            "limits": vars(self.limits),
            "volumes": [vars(volume) for volume in self.volumes],
            "capabilities": sorted(map(int, self.capabilities)),
            "leave_out": sorted(self.leave_out),
        }


def from_plain(parts: "dict[str, Any]") -> Spec:
    """Return the `Spec` that `as_plain` has taken apart."""
    return Spec(
        **parts
        | {
            "namespaces": Namespace(parts["namespaces"]),
            "limits": Limits(**parts["limits"]),
            "volumes": [Volume(**volume) for volume in parts["volumes"]],
            "capabilities": map(Capability, parts["capabilities"]),
        }
    )
