"""image_commands: `cfs image`: bring images here, look at them, and take them away.

The names and the words are those of `docker image`.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from cfslib.cli import build_command, registry_commands
from cfslib.cli.parser import Command, Option, parse
from cfslib.cli.registry_commands import note, say_what_came

IMAGE = Command(
    "cfs image",
    "[-h] ACTION ...",
    least=["ACTION"],
    stops=True,
    about="""\
positional arguments:
  ACTION
    load      bring images from an archive or an OCI layout
    pull      bring an image from a registry
    push      bring an image to a registry
    ls        list the images that are here
    inspect   print all that an image says of itself, as JSON
    history   print how an image was made, the last step first
    rm        take names away, and with the last one the image
    prune     clear away what no image needs
    save      write an image to an archive or an OCI layout
    build     make an image from a Dockerfile""",
    epilog="""\
Images are in ~/.local/share/cfs, or where XDG_DATA_HOME says.  To run one:
cfs run --image NAME [COMMAND]""",
)
_LOAD = Command(
    "cfs image load",
    "[-h] FILE|DIR [NAME]",
    least=["FILE|DIR"],
    most=2,
    about="""\
positional arguments:
  FILE      an archive that `docker save` or `podman save` wrote, or of an OCI layout
  DIR       an OCI layout
  NAME      what to call the image, or which one is meant of several""",
)
_LS = Command("cfs image ls", "[-h]", most=0)
_INSPECT = Command(
    "cfs image inspect",
    "[-h] NAME [NAME ...]",
    least=["NAME"],
    about="positional arguments:\n  NAME      of an image, or the beginning of its id",
)
_HISTORY = Command(
    "cfs image history",
    "[-h] [--no-trunc] NAME",
    [Option("--no-trunc", help="print each step in full, however long it is")],
    least=["NAME"],
    most=1,
    about="""\
positional arguments:
  NAME      of an image, or the beginning of its id

SIZE is how long a layer is as it travels, mostly compressed.""",
)
_RM = Command(
    "cfs image rm",
    "[-h] [-f] NAME [NAME ...]",
    [Option("--force", "-f", help="even if a container uses it: its files go later")],
    least=["NAME"],
    about="positional arguments:\n  NAME      of an image, or the beginning of its id",
)
_PRUNE = Command("cfs image prune", "[-h]", most=0)
_SAVE = Command(
    "cfs image save",
    "[-h] [--format {oci,docker}] NAME FILE|DIR",
    [
        Option(
            "--format",
            metavar="{oci,docker}",
            help="of a FILE: an OCI layout, or what every `docker load` reads"
            " (default: oci)",
            default="oci",
        )
    ],
    least=["NAME", "FILE|DIR"],
    most=2,
    about="""\
positional arguments:
  NAME      of an image, or the beginning of its id
  FILE      becomes an archive; it must not be there
  DIR       is there, or ends in /: becomes an OCI layout""",
)


def load(line: Sequence[str]) -> int:
    """`cfs image load FILE|DIR [NAME]`: bring images from an archive or a layout."""
    _, (place, *names) = parse(_LOAD, line)
    from cfslib.cli import with_ids
    from cfslib.images import layout, progress
    from cfslib.images.store import Store

    name, owners = next(iter(names), None), with_ids.owners()
    stem = os.path.basename(os.path.abspath(place)).partition(".")[0].lower()

    def bring() -> "list[Loaded]":
        with (
            layout.opened(place) as source,
            progress.in_terminal(f"Loading {name or stem}"[:40]) as shown,
        ):
            return Store().load(source, name, progress=shown, owners=owners, stem=stem)

    for loaded in with_ids.call(bring):
        say_what_came(loaded)
    return 0


def list_images(line: Sequence[str]) -> int:
    """`cfs image ls`: list the images that are here."""
    parse(_LS, line)
    from cfslib.cli import image_tables
    from cfslib.images.store import Store

    for row in image_tables.images(Store().images()):
        print(row)
    return 0


def inspect(line: Sequence[str]) -> int:
    """`cfs image inspect NAME...`: print what images say of themselves, as JSON."""
    _, names = parse(_INSPECT, line)
    import json

    from cfslib.cli import image_tables
    from cfslib.images.store import Store

    store = Store()
    found = [image_tables.inspected(store, store.find(name)) for name in names]
    print(json.dumps(found, indent=4, ensure_ascii=False))
    return 0


def history(line: Sequence[str]) -> int:
    """`cfs image history NAME`: print how an image was made, the last step first."""
    asked, (name,) = parse(_HISTORY, line)
    from cfslib.cli import image_tables
    from cfslib.images.store import Store

    store = Store()
    image = store.find(name)
    rows = image_tables.history(
        store.config(image), store.manifest(image), whole=bool(asked["--no-trunc"])
    )
    for row in rows:
        print(row)
    return 0


def remove(line: Sequence[str]) -> int:
    """`cfs image rm NAME...`: take names away, and with the last one the image."""
    asked, names = parse(_RM, line)
    from functools import partial

    from cfslib.cli import with_ids
    from cfslib.images.store import Store

    store = Store()
    force = bool(asked["--force"])
    for name in names:
        for image in _meant(store, name, all_names=force):
            cleared = with_ids.call(partial(store.remove, image, force=force))
            print(f"Untagged: {image.familiar}")
            _say_what_went(cleared)
    return 0


def _meant(store: "Store", name: str, *, all_names: bool) -> "list[Picked]":
    """Return what to remove: by an id, an image under all of its names."""
    from cfslib.images import reference

    image = store.find(name)
    same = store.names.of(image)
    with suppress(reference.BadReference):
        if str(reference.parse(name)) == image.name:
            return [image]
    if len(same) > 1 and not all_names:
        error = ValueError(f"{name} has {len(same)} names")
        known = ", ".join(one.familiar for one in same)
        error.add_note(f"Hint: name one of {known}; or all with --force.")
        raise error
    return same


def prune(line: Sequence[str]) -> int:
    """`cfs image prune`: clear away what no image needs."""
    parse(_PRUNE, line)
    from cfslib.cli import image_tables, with_ids
    from cfslib.images.store import Store

    cleared = with_ids.call(Store().prune)
    _say_what_went(cleared)
    print(f"Total reclaimed space: {image_tables.size(cleared.size)}")
    return 0


def save(line: Sequence[str]) -> int:
    """`cfs image save NAME FILE|DIR`: write an image to an archive or a layout."""
    asked, (name, place) = parse(_SAVE, line)
    from cfslib.images.store import Store

    if asked["--format"] not in ("oci", "docker"):
        raise _SAVE.wrong(f"--format: neither oci nor docker: {asked['--format']!r}")
    store = Store()
    store.save(store.find(name), place, docker=asked["--format"] == "docker")
    return 0


ACTIONS: dict[str, Callable[[Sequence[str]], int]] = {
    "load": load,
    "pull": registry_commands.pull,
    "push": registry_commands.push,
    "ls": list_images,
    "inspect": inspect,
    "history": history,
    "rm": remove,
    "prune": prune,
    "save": save,
    "build": build_command.build,
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.images.clearing import Cleared
    from cfslib.images.loading import Loaded
    from cfslib.images.picked import Picked
    from cfslib.images.store import Store


def _say_what_went(cleared: "Cleared | None") -> None:
    if cleared is None:
        note("the rest goes with `cfs image prune`, when nobody brings an image")
        return
    for digest in cleared.blobs:
        print(f"Deleted: {digest}")
    if cleared.in_use:
        note("a container uses its files: they go with a later `cfs image prune`")
