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

from cfslib.cli import life, limits, network, parser, rights, values
from cfslib.cli.parser import Command, Option, Usage
from cfslib.isolation.limits import Limits
from cfslib.runtime.spec import NAMESPACES, Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cfslib.cli.parser import Values

ABOUT = """\
positional arguments:
  COMMAND [ARG...]      what to run; an image may say what if nothing is typed"""
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
  CFS_IMAGE, CFS_ROOTFS, CFS_HOSTNAME and CFS_PIDS_LIMIT are defaults for these
  options"""

# fmt: off
WHO = (
    Option("--user", "-u", "USER[:GROUP]",
        help="who to be inside, by number or name (default: root, or whom an image"
        " names)"),
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
    name = _default_hostname()
    processes = _variable("CFS_PIDS_LIMIT") or str(Limits().pids_max)

    # fmt: off
    options = (
        Option("--rootfs", "", "DIR", values.directory,
            help="what is seen at / (default: this machine's everyday tools)"),
        Option("--image", "", "NAME",
            help="see the files of an image at /, and do what it says; `cfs image ls`"
            " lists them"),
        Option("--entrypoint", "", "PROGRAM",
            help="what to run in place of what the image says; may be empty"),
        Option("--hostname", "", "NAME", values.hostname,
            help=f"(default: {name})"),
        Option("--env", "-e", "NAME=VALUE", values.variable, many=True,
            help="set a variable of the environment; may be repeated"),
        Option("--workdir", "-w", "DIR",
            help="where to start (default: /, or what the image says)"),
        *WHO,
        Option("--volume", "-v", "SRC:DST[:ro]", values.volume, many=True,
            help="show a directory or file of the host inside; may be repeated"),
        Option("--mount", "", "type=...", values.mount, many=True,
            help="the same as type=bind,source=SRC,target=DST[,readonly], or files in"
            " memory: type=tmpfs,target=DST[,tmpfs-size=BYTES]"),
        *limits.options(processes),
        Option("--storage-opt", "", "size=BYTES", values.storage, default="size=512m",
            help="memory at most for the files that are written (default: size=512m)"),
        *network.options(),
        *rights.options(),
        *life.options(),
        Option("--read-only", help="let nothing be written to /"),
        Option("--interactive", "-i", help="read what is typed without a terminal too"),
        Option("--tty", "-t",
            help="make a terminal inside (default: if all streams are ours)"),
        Option("--trace", help="show on standard error what the kernel was asked"),
    )
    # fmt: on
    usage = "[OPTION...] [COMMAND] [ARG...]"
    return Command("cfs run", usage, options, stops=True, about=ABOUT, epilog=EPILOG)


def _variable(name: str) -> "str | None":
    """Return a variable of our environment; None if it is empty or not there."""
    text = posix.environ.get(name.encode(), b"")
    return text.decode(sys.getfilesystemencoding(), "surrogateescape") or None


def _default_hostname() -> str:
    """Return the name of a container for which none is typed."""
    return _variable("CFS_HOSTNAME") or Spec([]).hostname


def _user(typed: "Values") -> "dict[str, str]":
    """Return who to be, if that was typed; else it is root, or whom an image names."""
    if typed["--user"] is not None:
        return {"user": str(typed["--user"])}
    if typed["--userns"] == "keep-id":
        return {"user": f"{posix.geteuid()}:{posix.getegid()}"}
    return {}


def _from_root(typed: "Values", argv: "list[str]") -> "dict[str, Any]":
    """Return what follows from what is seen at /: an image says more than files."""
    image, rootfs = typed["--image"], typed["--rootfs"]
    if image is not None and rootfs is not None:
        raise Usage("--image and --rootfs: there is one / only")
    if image is None and rootfs is None:
        image, rootfs = _variable("CFS_IMAGE"), _variable("CFS_ROOTFS")
        if image and rootfs:
            raise Usage("CFS_IMAGE and CFS_ROOTFS are both set: there is one / only")
    if image is not None:
        from cfslib.cli import from_image  # here, because most name none

        return from_image.parts(image, typed, argv)
    if typed["--entrypoint"] is not None:
        raise Usage("--entrypoint is for an image: --image NAME")
    if not argv or not argv[0]:
        raise Usage("run what? name a command: cfs run COMMAND [ARG...]")
    workdir = "/" if typed["--workdir"] is None else typed["--workdir"]
    env = dict(typed["--env"])
    return {"argv": argv, "rootfs": rootfs, "env": env, "workdir": workdir}


def spec_from(typed: "Values", argv: "list[str]", *, terminal: bool = False) -> Spec:
    """Turn options and a command into a `Spec`."""
    if argv[:1] == ["--"]:
        argv = argv[1:]
    security = dict(typed["--security-opt"])
    left = rights.left(typed["--cap-add"], typed["--cap-drop"])
    filter, flags = rights.filter_from(security.get("seccomp"), left)
    return Spec(
        **_from_root(typed, argv) | _user(typed) | life.parts(typed),
        hostname=typed["--hostname"] or values.hostname(_default_hostname()),
        groups=typed["--group-add"],
        userns=typed["--userns"] or "",
        namespaces=NAMESPACES,
        **network.parts(typed),
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
    )


def files(typed: "Values") -> "list[str]":
    """Return the files that were read to understand what was typed."""
    profile = dict(typed["--security-opt"]).get("seccomp", rights.UNCONFINED)
    return [] if profile == rights.UNCONFINED else [profile]
