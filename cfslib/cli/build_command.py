"""build_command: `cfs image build`: make an image from a Dockerfile."""

import os
import sys
from collections.abc import Sequence

from cfslib.cli.parser import Command, Option, Usage, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.images.context import Files
    from cfslib.images.dockerfile import Dockerfile
    from cfslib.images.loading import Loaded

DOCKERFILE = "Dockerfile"


def _argument(text: str) -> tuple[str, str]:
    """Read NAME=VALUE, or a NAME whose value is that of our own variable."""
    name, equals, value = text.partition("=")
    if not name.isidentifier():
        raise Usage(f"neither NAME=VALUE nor NAME: {text!r}")
    return name, value if equals else os.environ.get(name, "")


def _network(text: str) -> str:
    if text not in ("host", "none"):
        raise Usage(f"neither host nor none: {text!r}")
    return text


BUILD = Command(
    "cfs image build",
    "[OPTION...] DIR",
    [
        Option("--file", "-f", "FILE", help=f"(default: DIR/{DOCKERFILE})"),
        Option(
            "--tag",
            "-t",
            "NAME",
            many=True,
            help="what to call the image; may be repeated",
        ),
        Option(
            "--build-arg",
            "",
            "NAME[=VALUE]",
            _argument,
            many=True,
            help="a value for an ARG; may be repeated",
        ),
        Option(
            "--target", "", "STAGE", help="build this stage (default: the last one)"
        ),
        Option("--no-cache", help="take every step, also those taken before"),
        Option(
            "--network",
            "",
            "{host,none}",
            _network,
            default="host",
            help="of commands: the host's, or none at all (default: host)",
        ),
    ],
    least=["DIR"],
    most=1,
    about="""\
positional arguments:
  DIR       the files that COPY and ADD find, but for those in its .dockerignore""",
    epilog="""\
FROM takes an image that is here, `scratch`, which is empty, or `host-tools`, this
machine's everyday tools.  RUN runs in a container as `cfs run` makes it; its exit code
is that of the build if it is not 0.  Steps that have been taken are remembered until
`cfs image prune`.""",
)


def build(line: Sequence[str]) -> int:
    """`cfs image build DIR`: make an image from a Dockerfile."""
    asked, (place,) = parse(BUILD, line)
    import signal

    from cfslib.builder import hands
    from cfslib.builder.build import Builder, Options
    from cfslib.cli import with_ids
    from cfslib.images import context, reference
    from cfslib.images.store import Store

    signal.signal(signal.SIGTERM, _end)
    for name in asked["--tag"]:
        reference.parse(name)  # before anything is built
    options = Options(
        names=asked["--tag"],
        args=dict(asked["--build-arg"]),
        target=asked["--target"] or "",
        use_cache=not asked["--no-cache"],
        alone=asked["--network"] == "none",
    )
    with context.opened(place) as files:
        dockerfile = _dockerfile(files, asked["--file"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # no step waits for anybody
        store = Store()
        found = hands.found(store, with_ids.owners(), with_ids.call)
        build = Builder(store, found, _say).build
        built = build(dockerfile, files, options, _stem(place))
    _say_what_was_built(built)
    return 0


def _dockerfile(files: "Files", named: str | None) -> "Dockerfile":
    """Read the Dockerfile that was named, or the one in the directory."""
    from cfslib.images import dockerfile
    from cfslib.images.context import NotThere

    most = dockerfile.LONGEST + 1
    if named == "-":
        return dockerfile.parse(sys.stdin.buffer.read(most), "-")
    if named:
        with open(named, "rb") as file:
            return dockerfile.parse(file.read(most), named)
    try:
        return dockerfile.parse(files.text(DOCKERFILE, most), DOCKERFILE)
    except NotThere as error:
        error.add_note("Hint: `-f FILE` names another one.")
        raise


def _stem(place: str) -> str:
    """Return what an image is called that was given no name."""
    name = os.path.basename(os.path.abspath(place)).lower()
    letters = "".join(
        sign if sign.isascii() and sign.isalnum() else "" for sign in name
    )
    return letters or "image"


def _say(text: str) -> None:
    print(text, flush=True)


def _say_what_was_built(built: "Loaded") -> None:
    from cfslib.images.picked import RECORDED

    for what in built.left_out:
        print(f"cfs: left out: {what}", file=sys.stderr)
    if built.is_new and built.image.owners == RECORDED:
        print(
            "cfs: all files are yours, and whose they should be is recorded: no RUN"
            " could give one to another user",
            file=sys.stderr,
        )
    print(f"Built image: {built.image.familiar}")


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
