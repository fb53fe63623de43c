"""spec: what to run, and in what kind of box.

Data, no behaviour: `container` is what acts on it.

    >>> Spec(["hostname"]).hostname
    'cfs-container'
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cfslib.images.host_tools import PATH
from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace

NAMESPACES = (
    Namespace.MNT | Namespace.UTS | Namespace.PID | Namespace.IPC | Namespace.CGROUP
)


@dataclass(frozen=True)
class Volume:
    """A directory or a file of the host that is seen inside."""

    source: Path  # on the host
    target: Path  # inside, absolute
    read_only: bool = False


@dataclass(frozen=True)
class Spec:
    """Everything there is to know before a container starts."""

    argv: Sequence[str]
    rootfs: Path | None = None  # None: the everyday tools of this machine
    hostname: str = "cfs-container"
    env: Mapping[str, str] = field(default_factory=dict)  # beside the four we set
    workdir: str = "/"
    user: str = "0"  # UID[:GID], or a name from the container's /etc/passwd
    namespaces: Namespace = NAMESPACES  # USER joins them unless we are root
    limits: Limits = field(default_factory=Limits)
    volumes: Sequence[Volume] = ()
    capabilities: frozenset[Capability] = DEFAULT
    read_only: bool = False
    terminal: bool = False  # a pty of its own, joined to our terminal

    def environment(self, term: str = "dumb") -> dict[str, str]:
        """Return what the command finds in its environment, and no more."""
        ours = {"PATH": PATH, "HOME": "/root", "TERM": term, "HOSTNAME": self.hostname}
        return ours | dict(self.env)
