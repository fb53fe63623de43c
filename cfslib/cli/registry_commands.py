"""registry_commands: `cfs image pull` and `push`: from and to a registry."""

import sys
from collections.abc import Sequence

from cfslib.cli import failures
from cfslib.cli.parser import Command, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.images.loading import Loaded

_EPILOG = """\
A name without a registry is one of Docker Hub's.  Names and passwords are those
that `docker login` wrote to ~/.docker/config.json; REGISTRY_AUTH_FILE names
another file.  TLS is verified, and SSL_CERT_FILE may name what to trust;
without TLS we speak to registries of this machine alone, as localhost:5000."""
_PULL = Command(
    "cfs image pull",
    "[-h] REF",
    least=["REF"],
    most=1,
    about="""\
positional arguments:
  REF       [REGISTRY[:PORT]/]NAME[:TAG][@DIGEST]""",
    epilog=_EPILOG,
)
_PUSH = Command(
    "cfs image push",
    "[-h] NAME [REF]",
    least=["NAME"],
    most=2,
    about="""\
positional arguments:
  NAME      of an image that is here
  REF       [REGISTRY[:PORT]/]NAME[:TAG]: where to, if not by its own name""",
    epilog=_EPILOG,
)
_UNSAFE = ("--insecure", "--tls-verify", "--insecure-registry")


def pull(line: Sequence[str]) -> int:
    """`cfs image pull REF`: bring an image from a registry."""
    _refuse_what_is_unsafe(_PULL, line)
    _, (name,) = parse(_PULL, line)
    from cfslib.cli import with_ids
    from cfslib.images import progress, reference
    from cfslib.images.pulling import Remote
    from cfslib.images.store import Store

    where, owners = reference.parse(name), with_ids.owners()

    def bring() -> "Loaded":
        with progress.in_terminal(f"Pulling {where.familiar}"[:40]) as shown:
            source = Remote(where)
            (named,) = source.manifests()
            return Store().bring(
                source, named.descriptor, str(where), progress=shown, owners=owners
            )

    say_what_came(with_ids.call(bring), "Pulled")
    return 0


def push(line: Sequence[str]) -> int:
    """`cfs image push NAME [REF]`: bring an image to a registry."""
    _refuse_what_is_unsafe(_PUSH, line)
    _, (name, *others) = parse(_PUSH, line)
    from cfslib.images import progress, pushing, reference
    from cfslib.images.store import Store

    store = Store()
    image = store.find(name)
    where = reference.parse(others[0] if others else image.name)
    with progress.in_terminal(f"Pushing {where.familiar}"[:40]) as shown:
        pushed = pushing.push(store, image, where, progress=shown)
    print(f"Pushed image: {where.familiar}@{pushed.digest}")
    return 0


def say_what_came(loaded: "Loaded", how: str = "Loaded") -> None:
    """Say that an image is here, and what of it could not be as it should."""
    from cfslib.images.picked import RECORDED

    if loaded.is_new and loaded.image.owners == RECORDED:
        note(
            "all files are yours, and whose they should be is recorded: a user"
            " without a line in /etc/subuid can give nothing to others"
        )
    for what in loaded.left_out:
        note(f"left out: {what}")
    print(f"{how} image: {loaded.image.familiar}")


def note(text: str) -> None:
    """Say what is good to know, beside what was asked for."""
    print(f"cfs: {failures.in_one_line(text)}", file=sys.stderr)


def _refuse_what_is_unsafe(command: Command, line: Sequence[str]) -> None:
    for word in line:
        if word.partition("=")[0] in _UNSAFE:
            raise command.wrong(
                f"{word}: TLS is always verified, and SSL_CERT_FILE may name a"
                " certificate to trust; registries of this machine need no TLS"
            )
