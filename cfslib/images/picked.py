"""picked: what a container needs to know of an image.

Each name of an image has a file in the store, and `cfs run --image` reads that file and
nothing else.  It is plain text: a NUL ends each line, because no argument and no
variable of a program has one in it, and a line is a word and what is said of it:

    manifest sha256:9c4f...     entry /bin/sh     env PATH=/bin     user nobody

What is said of an argument or a variable is said once for each of them, in order.
"""

import posix
import sys

from cfslib.images import cache, ours, reference
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cfslib.images.reference import Reference

REAL, RECORDED = "real", "recorded"  # whose the files are: see `trees`
VARIABLE = "HOME or XDG_DATA_HOME"  # names the place of the store
FIRST = "cfs-image 1"  # of each file, because there may be other forms
_ID = range(4, 65)  # digits of an id, or of the beginning of one
_HEX = frozenset("0123456789abcdef")


class NoSuchImage(LookupError):
    """There is no image of this name here."""


class Picked(Record):
    """An image, as its name was looked up."""

    def __init__(
        self,
        name: str,  # in full
        manifest: str,  # digests
        config: str,
        tree: str,  # the merged root filesystem, a directory
        owners: str,  # of its files: REAL or RECORDED
        size: int = 0,  # of its files, in bytes
        created: str = "",
        entrypoint: "Sequence[str]" = (),
        cmd: "Sequence[str]" = (),
        env: "Sequence[str]" = (),  # NAME=VALUE
        user: str = "",
        workdir: str = "",
        stop_signal: str = "",
    ) -> None:
        self.name = name
        self.manifest, self.config = manifest, config
        self.tree, self.owners, self.size = tree, owners, size
        self.created = created
        self.entrypoint, self.cmd = tuple(entrypoint), tuple(cmd)
        self.env = tuple(env)
        self.user, self.workdir, self.stop_signal = user, workdir, stop_signal

    @property
    def familiar(self) -> str:
        """Return the name as people type it."""
        return reference.parse(self.name).familiar

    @property
    def key(self) -> str:
        """Return the name of its tree."""
        return self.tree.split("/")[-2]

    @property
    def id(self) -> str:
        """Return what Docker calls the id of an image: the hash of its config."""
        return self.config.partition(":")[2]

    @property
    def variables(self) -> "dict[str, str]":
        """Return the environment; of a variable that is there twice, the last."""
        pairs = (one.partition("=") for one in self.env)
        return {name: value for name, equals, value in pairs if name and equals}


def directory(environ: "Mapping[bytes, bytes]") -> str:
    """Return where the images of this user are.

    By the XDG Base Directory rules, a relative path in XDG_DATA_HOME is to be ignored.
    """
    base = environ.get(b"XDG_DATA_HOME", b"")
    if base[:1] == b"/":
        return f"{base.decode(sys.getfilesystemencoding(), 'surrogateescape')}/cfs"
    return f"{cache.home(environ, 'images')}/.local/share/cfs"


def found(name: str, environ: "Mapping[bytes, bytes]") -> Picked:
    """Return the image that a name, or the beginning of an id, stands for."""
    place = directory(environ)
    ours.check(place, VARIABLE)
    return find(name, place)


def find(name: str, place: str) -> Picked:
    """Return an image of the store at `place`; raise `NoSuchImage`."""
    wanted = _reference(name)
    data = ours.read(file_in(place, wanted)) if wanted else b""
    digits = _digits(wanted.digest if wanted and wanted.digest else name)
    if data:
        return parsed(data, place)
    if digits and (image := _by_id(digits, place)):
        return image
    error = NoSuchImage(f"no image {wanted.familiar if wanted else name} here")
    error.add_note("Hint: `cfs image ls` lists those there are, `load` brings one.")
    raise error


def names(place: str) -> "Iterator[Picked]":
    """Yield every image of a store, once for each of its names."""
    try:
        files = posix.listdir(f"{place}/names")
    except FileNotFoundError:
        return
    for file in sorted(files):
        if data := ours.read(f"{place}/names/{file}"):
            try:
                yield parsed(data, place)
            except (ValueError, LookupError):
                pass  # it is none of ours


def file_in(place: str, name: "Reference") -> str:
    """Return the file that stands for a name; no name has a + in it."""
    return f"{place}/names/{str(name).replace('/', '+')}"


def parsed(data: bytes, place: str) -> Picked:
    """Return the image that a file of the store describes."""
    said: dict[str, list[str]] = {}
    first, *lines = data.decode("utf-8", "surrogateescape").split("\0")
    if first != FIRST or lines[-1:] != ["end"]:
        raise ValueError("not a name of an image")
    for line in lines[:-1]:
        word, _, text = line.partition(" ")
        said.setdefault(word, []).append(text)
    one = {word: texts[0] for word, texts in said.items()}
    return Picked(
        name=one["name"],
        manifest=one["manifest"],
        config=one["config"],
        tree=f"{place}/trees/{one['tree']}/root",
        owners=one["owners"],
        size=int(one["size"]),
        created=one["created"],
        entrypoint=said.get("entry", ()),
        cmd=said.get("cmd", ()),
        env=said.get("env", ()),
        user=one["user"],
        workdir=one["workdir"],
        stop_signal=one["stop"],
    )


def _reference(name: str) -> "Reference | None":
    """Return what a text names, or None if it can only be an id."""
    try:
        return reference.parse(name)
    except reference.BadReference:
        if _digits(name):
            return None
        raise


def _digits(text: str) -> str:
    """Return the digits of an id; nothing if it is none."""
    digits = text.removeprefix("sha256:")
    return digits if len(digits) in _ID and not set(digits) - _HEX else ""


def _by_id(digits: str, place: str) -> "Picked | None":
    """Return the one image whose id, or manifest, begins with these digits."""
    start = f"sha256:{digits}"
    images = {
        image.config: image
        for image in names(place)
        if image.config.startswith(start) or image.manifest.startswith(start)
    }
    if len(images) > 1:
        raise NoSuchImage(f"{digits} is the beginning of {len(images)} ids")
    return next(iter(images.values()), None)
