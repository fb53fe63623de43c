"""spec: what to run, and in what kind of box.

Data, no behaviour: `container` is what acts on it.

    >>> Spec(["hostname"]).hostname
    'cfs-container'
    >>> Spec("hostname")
    Traceback (most recent call last):
    TypeError: argv is 'hostname', but should be a list such as ["hostname"]
"""

import _signal as signal
import posix

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
    from typing import Any, TypeVar

    T = TypeVar("T")


NAMESPACES = (
    Namespace.MNT | Namespace.UTS | Namespace.PID | Namespace.IPC | Namespace.CGROUP
)

USERNS = ("host", "private", "keep-id")  # whose users there are: see `ownership`
_KINDS = "such as Namespace.UTS | Namespace.PID"
_RIGHTS = "{Capability.KILL, ...}"
_PACKED = "bytes, as bpf.pack makes them; b'' for none"
_PATH = "a path, as text or a Path"
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
        self.source = None if source is None else _one("source", source, str, _PATH)
        self.target = _one("target", target, str, _PATH)
        if not self.target.startswith("/"):
            raise ValueError(f"target is {target!r}, but should be absolute: inside")
        self.read_only = read_only
        self.size = _one("size", size, int, "a number of bytes")


class Spec(Record):
    """Everything there is to know before a container starts."""

    def __init__(
        self,
        argv: "Sequence[str | Path]",
        *,
        rootfs: "str | Path | None" = None,  # None: the everyday tools of this machine
        hostname: str = "cfs-container",
        env: "Mapping[str, str] | None" = None,  # beside the four that we set
        workdir: "str | Path" = "/",
        user: str = "0",  # UID[:GID], or a name from the container's /etc/passwd
        groups: "Sequence[str]" = (),  # to be in besides, by number or name
        userns: str = "",  # host, private or keep-id; "": what we may
        namespaces: Namespace = NAMESPACES,  # USER joins them unless we are root
        limits: "Limits | None" = None,  # None: those of Limits()
        volumes: "Sequence[Volume]" = (),
        capabilities: "Collection[Capability]" = DEFAULT,
        no_new_privileges: bool = False,  # no program gives more rights, whatever it is
        filter: "bytes | None" = None,  # of calls, struct sock_filter; None: our own
        filter_flags: int = 0,  # of seccomp(2)
        network: str = "host",  # none, bridge, container:NAME, or the name of one
        publish: "Sequence[str]" = (),  # [IP:]PORT:PORT[/udp]
        dns: "Sequence[str]" = (),  # addresses of nameservers
        hosts: "Sequence[str]" = (),  # NAME:ADDRESS, for /etc/hosts
        read_only: bool = False,
        layer_max: int = LAYER,  # bytes of files that are written, and in memory
        kept: str = "",  # a directory in which these files stay: see `rootfs.layer`
        between: "Sequence[str]" = (),  # layers on top of `rootfs`, the last one first
        terminal: bool = False,  # a pty of its own, joined to our terminal
        interactive: bool = False,  # without one, it still gets what is typed into ours
        stop_signal: int = signal.SIGTERM,  # what asks the command to end
        image: str = "",  # the name of what `rootfs` is the tree of
        many_owners: bool = False,  # its files belong to more users than us
        leave_out: "Collection[str]" = (),  # steps not to take, to see what comes of it
    ) -> None:
        self.argv = _each("argv", argv, str, 'a list such as ["hostname"]')
        self.rootfs = None if rootfs is None else _one("rootfs", rootfs, str, _PATH)
        self.hostname = _one("hostname", hostname, str, 'a name such as "box"')
        self.env = _variables(env or {})
        self.workdir = _one("workdir", workdir, str, _PATH)
        self.user = _one("user", user, str, 'text such as "1000" or "1000:1000"')
        self.groups = _each("groups", groups, str, 'a list such as ["staff"]')
        self.userns = _word("userns", userns, ("", *USERNS))
        self.namespaces = Namespace(_one("namespaces", namespaces, int, _KINDS))
        self.limits = _one("limits", limits or Limits(), Limits, "Limits(pids_max=...)")
        self.volumes = _each("volumes", volumes, Volume, "a list such as [Volume(...)]")
        self.capabilities = _set("capabilities", capabilities, Capability, _RIGHTS)
        self.no_new_privileges, self.read_only = no_new_privileges, read_only
        self.filter = None if filter is None else _one("filter", filter, bytes, _PACKED)
        self.filter_flags = _one("filter_flags", filter_flags, int, "a number")
        self.network = _one("network", network, str, 'a name such as "bridge"')
        self.publish = _each("publish", publish, str, 'a list such as ["8080:80"]')
        self.dns = _each("dns", dns, str, 'a list such as ["192.0.2.1"]')
        self.hosts = _each("hosts", hosts, str, 'a list such as ["db:192.0.2.1"]')
        self.layer_max = _one("layer_max", layer_max, int, "a number of bytes")
        self.kept = _one("kept", kept, str, _PATH)
        self.between = _each("between", between, str, "a list of paths")
        self.terminal, self.interactive = terminal, interactive
        self.stop_signal = int(_one("stop_signal", stop_signal, int, "a number"))
        self.image = _one("image", image, str, 'a name such as "busybox:1"')
        self.many_owners = many_owners
        self.leave_out = _set("leave_out", leave_out, str, 'a set such as {"pivot"}')

    def environment(self, term: str = "dumb", home: str = "/root") -> "dict[str, str]":
        """Return what the command finds in its environment, and no more."""
        ours = {"PATH": PATH, "HOME": home, "TERM": term, "HOSTNAME": self.hostname}
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


def _one(field: str, value: object, kind: "type[T]", wanted: str) -> "T":
    """Return a value of this kind; raise `TypeError` for any other.

    A path may be a `Path`, and becomes text.
    """
    if hasattr(value, "__fspath__"):
        value = posix.fspath(value)
    if not isinstance(value, kind):
        raise TypeError(f"{field} is {value!r}, but should be {wanted}")
    return value


def _word(field: str, value: object, known: "Sequence[str]") -> str:
    """Return one of a few words; raise for any other, which would mean nothing."""
    if value not in known:
        words = ", ".join(filter(None, known))
        raise ValueError(f"{field} is {value!r}, but should be one of {words}")
    return str(value)


def _each(field: str, values: object, kind: "type[T]", wanted: str) -> "list[T]":
    """Return a list of values of this kind.  A text is no list of letters here."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(f"{field} is {values!r}, but should be {wanted}")
    return [_one(f"a part of {field}", value, kind, wanted) for value in values]


def _set(field: str, values: object, kind: "type[T]", wanted: str) -> "frozenset[T]":
    return frozenset(_each(field, values, kind, wanted))


def _variables(env: object) -> "dict[str, str]":
    """Return the variables of an environment, each with its value."""
    if not hasattr(env, "items"):
        raise TypeError(f"env is {env!r}, but should be a dict such as {{'LANG': 'C'}}")
    for name, value in env.items():
        _one(f"{name} in env", value, str, "text")
    return dict(env.items())
