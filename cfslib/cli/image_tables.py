"""image_tables: what `cfs image` prints of images.

Tables are 80 columns wide, at a terminal and in a pipe.

    >>> size(950), size(4_260_000), size(123_400_000)
    ('950B', '4.26MB', '123MB')
"""

from collections.abc import Iterable, Iterator
from typing import Any

from cfslib.images.config import Config, Step
from cfslib.images.manifests import Manifest
from cfslib.images.picked import Picked
from cfslib.images.store import Store

_WIDTH = 80
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_NAMES = 42  # columns for the name of an image; a longer one has a line of its own
_SHORT = 12  # digits of an id
_DATE = 10  # characters of a time


def size(count: float) -> str:
    """Return a number of bytes in three digits, as Docker writes it."""
    units = iter(_UNITS)
    unit = next(units)
    while count >= 999.5 and (larger := next(units, "")):
        count, unit = count / 1000, larger
    return f"{count:.3g}{unit}" if count < 1000 else f"{count:.0f}{unit}"


def images(found: Iterable[Picked]) -> Iterator[str]:
    """Yield a table of images."""
    yield _row("NAME", "ID", "CREATED", "SIZE")
    for image in sorted(found, key=lambda image: image.familiar):
        name = image.familiar
        if len(name) > _NAMES:
            yield name
            name = ""
        yield _row(name, image.id[:_SHORT], _day(image.created), size(image.size))


def _row(name: str, id_: str, created: str, size_: str) -> str:
    return f"{name:{_NAMES}}  {id_:{_SHORT}}  {created:{_DATE}}  {size_:>8}"


def _day(time: str) -> str:
    """Return the date of a time; of a made-up one, nothing."""
    day = time[:_DATE]
    return "-" if day in ("", "0001-01-01") else day


def history(about: Config, manifest: Manifest, *, whole: bool = False) -> Iterator[str]:
    """Yield a table of how an image was made, the last step first."""
    yield f"{'CREATED':{_DATE}}  {'SIZE':>8}  CREATED BY"
    for step, length in reversed(list(_steps(about, manifest))):
        said = f"{step.made_by} # {step.comment}" if step.comment else step.made_by
        by = " ".join(said.split()) or "-"
        line = f"{_day(step.created):{_DATE}}  {size(length):>8}  {by}"
        if len(line) > _WIDTH and not whole:
            line = f"{line[: _WIDTH - 3]}..."
        yield line


def _steps(about: Config, manifest: Manifest) -> Iterator[tuple[Step, int]]:
    """Yield each step with the length of its layer, the first one first."""
    lengths = [layer.size for layer in manifest.layers]
    known = sum(not step.is_empty for step in about.history)
    # Nobody wrote down how the lowest were made: builders add to what they find.
    unknown = max(len(lengths) - known, 0)
    for length in lengths[:unknown]:
        yield Step(), length
    others = iter(lengths[unknown:])
    for step in about.history:
        yield step, 0 if step.is_empty else next(others, 0)


def inspected(store: Store, image: Picked) -> dict[str, Any]:
    """Return what is known of an image, by the names that Docker gives it."""
    about = store.config(image)
    names = store.names.of(image)
    return {
        "Id": image.config,
        "Digest": image.manifest,
        "RepoTags": [one.familiar for one in names if "@" not in one.familiar],
        "RepoDigests": sorted({_with_digest(one) for one in names}),
        "Created": about.created,
        "Author": about.author,
        "Config": {
            "Entrypoint": list(about.entrypoint) or None,
            "Cmd": list(about.cmd) or None,
            "Env": list(about.env),
            "User": about.user,
            "WorkingDir": about.workdir,
            "StopSignal": about.stop_signal,
            "Labels": dict(about.labels),
            "ExposedPorts": {port: {} for port in about.exposed},
            "Volumes": {place: {} for place in about.volumes},
        },
        "Architecture": about.architecture,
        "Variant": about.variant,
        "Os": about.os,
        "Size": image.size,
        "RootFS": {"Type": "layers", "Layers": list(about.diff_ids)},
        "Tree": image.tree,
        "Owners": image.owners,
    }


def _with_digest(image: Picked) -> str:
    name = image.familiar.partition("@")[0]
    before, colon, tag = name.rpartition(":")
    name = before if colon and "/" not in tag else name
    return f"{name}@{image.manifest}"
