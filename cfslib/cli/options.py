"""options: what was typed after `cfs run`, as a `Spec`.

    >>> parse(["--memory", "64m", "-e", "A=1", "ls", "-l"]).limits.memory_max
    67108864
    >>> parse(["ls", "-e"]).argv
    ['ls', '-e']

The options mean what they mean to `docker run`.  Everything after the first word
that is no option belongs to the command.
"""

import posix
import sys

from cfslib.cli import limits, parser, rights, values
from cfslib.cli.parser import Command, Option, Usage
from cfslib.isolation.limits import Limits
from cfslib.runtime.spec import NAMESPACES, Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cfslib.cli.parser import Values

ABOUT = """\
positional arguments:
  COMMAND [ARG...]      what to run"""
EPILOG = """\
rights that are a way out where root of the machine runs the container:
  SYS_ADMIN           mounts any disk, and uncovers what is hidden in /proc
  SYS_PTRACE          looks into PID 1, whose program is a file of the host
  MKNOD               makes device files, but only those that /dev has work
  ALL                 every right that there is, and so all of these

examples:
  cfs run ps          two processes: cfs, which is PID 1, and ps
  cfs run bash        a shell; leave it with Ctrl-D
  cfs run --memory 64m --volume .:/data --workdir /data ls

environment:
  CFS_ROOTFS, CFS_HOSTNAME and CFS_PIDS_LIMIT are defaults for these options"""

# fmt: off
WHO = (
    Option("--user", "-u", "USER[:GROUP]",
        help="who to be inside, by number or name (default: root)"),
    Option("--group-add", "", "GROUP", many=True,
        help="a group to be in besides, by number or name; may be repeated"),
    Option("--userns", "", "{host,private,keep-id}", values.userns,
        help="which users there are: the host's; some of its own; or you alone, by your"
        " own number (default: host if root runs it, else private)"),
)
# fmt: on


def parse(line: "Sequence[str]") -> Spec:
    """Return what to run; raise `Usage` if that is not clear."""
    return spec_from(*parser.parse(command(), line))


def command() -> Command:
    """Return the options of `cfs run`, with the defaults of the moment."""
    rootfs = _variable("CFS_ROOTFS")
    name = _variable("CFS_HOSTNAME") or Spec([]).hostname
    processes = _variable("CFS_PIDS_LIMIT") or str(Limits().pids_max)

    # fmt: off
    options = (
        Option("--rootfs", "", "DIR", values.directory, default=rootfs,
            help="what is seen at / (default: this machine's everyday tools)"),
        Option("--hostname", "", "NAME", values.hostname, default=name,
            help=f"(default: {name})"),
        Option("--env", "-e", "NAME=VALUE", values.variable, many=True,
            help="set a variable of the environment; may be repeated"),
        Option("--workdir", "-w", "DIR", default="/",
            help="where to start (default: /)"),
        *WHO,
        Option("--volume", "-v", "SRC:DST[:ro]", values.volume, many=True,
            help="show a directory or file of the host inside; may be repeated"),
        Option("--mount", "", "type=...", values.mount, many=True,
            help="the same as type=bind,source=SRC,target=DST[,readonly], or files in"
            " memory: type=tmpfs,target=DST[,tmpfs-size=BYTES]"),
        *limits.options(processes),
        Option("--storage-opt", "", "size=BYTES", values.storage, default="size=512m",
            help="memory at most for the files that are written (default: size=512m)"),
        Option("--network", "", "{host,none}", values.network, default="host",
            help="the host's, or none at all (default: host)"),
        *rights.options(),
        *_of_life(),
        Option("--read-only", help="let nothing be written to /"),
        Option("--interactive", "-i", help="read what is typed without a terminal too"),
        Option("--tty", "-t",
            help="make a terminal inside (default: if all streams are ours)"),
        Option("--trace", help="show on standard error what the kernel was asked"),
    )
    # fmt: on
    usage = "[OPTION...] COMMAND [ARG...]"
    return Command("cfs run", usage, options, stops=True, about=ABOUT, epilog=EPILOG)


def _of_life() -> "tuple[Option, ...]":
    """Return the options that say how long it lives, and who may know of it."""
    # fmt: off
    return (
        Option("--detach", "-d",
            help="let it go on without us, and print its id; `cfs logs` shows what it"
            " prints"),
        Option("--name", "", "NAME", values.container,
            help="what `cfs ps` and others call it (default with -d: two words)"),
        Option("--rm",
            help="forget it when it has ended; without -d or --name that is so anyway"),
        Option("--stop-signal", "", "SIGNAL", values.signal, default="TERM",
            help="what `cfs stop` sends, by name or number (default: TERM)"),
    )
    # fmt: on


def _variable(name: str) -> "str | None":
    """Return a variable of our environment; None if it is empty or not there."""
    text = posix.environ.get(name.encode(), b"")
    return text.decode(sys.getfilesystemencoding(), "surrogateescape") or None


def _user(typed: "Values") -> str:
    """Return who to be: root, unless there is none."""
    if typed["--user"] is not None:
        return str(typed["--user"])
    if typed["--userns"] == "keep-id":
        return f"{posix.geteuid()}:{posix.getegid()}"
    return "0"


def spec_from(typed: "Values", argv: "list[str]", *, terminal: bool = False) -> Spec:
    """Turn options and a command into a `Spec`."""
    if argv[:1] == ["--"]:
        argv = argv[1:]
    if not argv or not argv[0]:
        raise Usage("run what? name a command: cfs run COMMAND [ARG...]")
    security = dict(typed["--security-opt"])
    left = rights.left(typed["--cap-add"], typed["--cap-drop"])
    filter, flags = rights.filter_from(security.get("seccomp"), left)
    return Spec(
        argv=argv,
        rootfs=typed["--rootfs"],
        hostname=typed["--hostname"],
        env=dict(typed["--env"]),
        workdir=typed["--workdir"],
        user=_user(typed),
        groups=typed["--group-add"],
        userns=typed["--userns"] or "",
        namespaces=NAMESPACES | typed["--network"],
        limits=limits.limits(typed),
        volumes=typed["--volume"] + typed["--mount"],
        capabilities=left,
        no_new_privileges=security.get("no-new-privileges", False),
        filter=filter,
        filter_flags=flags,
        read_only=bool(typed["--read-only"]),
        layer_max=typed["--storage-opt"],
        terminal=terminal,
        interactive=bool(typed["--interactive"]),
        stop_signal=typed["--stop-signal"],
    )


def files(typed: "Values") -> "list[str]":
    """Return the files that were read to understand what was typed."""
    profile = dict(typed["--security-opt"]).get("seccomp", rights.UNCONFINED)
    return [] if profile == rights.UNCONFINED else [profile]
