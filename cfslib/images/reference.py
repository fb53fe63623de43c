"""reference: the name of an image, as people type it and in full.

What is left out is Docker's:

    >>> str(parse("busybox"))
    'docker.io/library/busybox:latest'
    >>> parse("localhost:5000/team/tool:1.2").repository
    'team/tool'
    >>> parse("docker.io/library/busybox:1").familiar
    'busybox:1'

The rules are those of Docker's distribution project: a registry has a dot or a port, or
is `localhost`; the parts of a repository are small letters, digits and separators.
"""

from cfslib.kernel.record import Record

HUB, OFFICIAL = "docker.io", "library"  # a registry, and who has no name there
LATEST = "latest"
LONGEST = 255  # characters of a name in full, because a file has that name
_TAG = 128
_SMALL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_LETTERS = _SMALL | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_HEX = frozenset("0123456789abcdef")
_PORT = frozenset("0123456789")
_SEPARATORS = ("_", ".", "__")  # besides any number of hyphens
_SHA256 = "sha256:"


class BadReference(ValueError):
    """A text that names no image; it says why."""


class Reference(Record):
    """Where an image comes from, and which one of those there it is."""

    def __init__(
        self, registry: str, repository: str, tag: str = "", digest: str = ""
    ) -> None:
        self.registry = registry
        self.repository = repository
        self.tag = tag  # there is this one, or the next, or both
        self.digest = digest

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}{self._which()}"

    @property
    def familiar(self) -> str:
        """Return the name without what would be added to it anyway."""
        name = f"{self.registry}/{self.repository}"
        short = name.removeprefix(f"{HUB}/").removeprefix(f"{OFFICIAL}/")
        if self.registry != HUB or not _is_alike(short, self):
            short = name
        return f"{short}{self._which()}"

    def _which(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{tag}@{self.digest}" if self.digest else tag


def parse(text: str) -> Reference:
    """Return the name of an image in full; raise `BadReference` if it is none."""
    name, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise _bad(text, "after @ comes sha256: and 64 of 0-9a-f")
    name, tag = _without_tag(name)
    if tag is not None and not is_tag(tag):
        raise _bad(text, "a tag is 1 to 128 of A-Za-z0-9_.- and begins with none of .-")
    registry, repository = _split(name)
    if not _is_registry(registry):
        raise _bad(text, f"{registry!r} is no registry, which is HOST or HOST:PORT")
    for part in repository.split("/"):
        if not _is_part(part):
            raise _bad(text, _what_is_wrong(part))
    if len(repository) == 64 and "/" not in name and not set(repository) - _HEX:
        raise _bad(text, "64 of 0-9a-f are an id")
    if not tag and not digest:
        tag = LATEST
    found = Reference(registry, _official(registry, repository), tag or "", digest)
    if len(str(found)) > LONGEST:
        raise _bad(text, f"in full it has more than {LONGEST} characters")
    return found


def is_digest(text: str) -> bool:
    """Say if this is a hash as it stands in manifests: sha256: and 64 digits."""
    digits = text.removeprefix(_SHA256)
    return len(text) == 71 and len(digits) == 64 and not set(digits) - _HEX


def is_tag(text: str) -> bool:
    """Say if this may be a tag."""
    return 0 < len(text) <= _TAG and _is_of(text, "_.-") and text[0] not in ".-"


def _bad(text: str, why: str) -> BadReference:
    shown = repr(text if len(text) <= 60 else f"{text[:60]}...")
    error = BadReference(f"not the name of an image: {shown}: {why}")
    error.add_note("Hint: [REGISTRY[:PORT]/]NAME[:TAG], such as busybox:1.36")
    return error


def _without_tag(name: str) -> "tuple[str, str | None]":
    """Split a tag off; a colon with a slash after it is before a port."""
    before, colon, tag = name.rpartition(":")
    return (before, tag) if colon and "/" not in tag else (name, None)


def _split(name: str) -> "tuple[str, str]":
    """Return the registry and what comes after it."""
    first, slash, rest = name.partition("/")
    is_host = any(sign in first for sign in ".:") or first == "localhost"
    if not slash or not (is_host or first != first.lower()):
        return HUB, name
    return (HUB if first == f"index.{HUB}" else first), rest


def _official(registry: str, repository: str) -> str:
    is_short = registry == HUB and "/" not in repository
    return f"{OFFICIAL}/{repository}" if is_short else repository


def _is_alike(short: str, whole: Reference) -> bool:
    registry, repository = _split(short)
    return (registry, _official(registry, repository)) == (HUB, whole.repository)


def _is_registry(text: str) -> bool:
    host, colon, port = text.partition(":")
    if colon and not (0 < len(port) <= 5 and not set(port) - _PORT):
        return False
    return all(map(_is_label, host.split(".")))


def _is_label(text: str) -> bool:
    return text.strip("-") == text != "" and _is_of(text, "-")


def _is_of(text: str, more: str) -> bool:
    return not set(text) - _LETTERS - set(more)


def _is_part(text: str) -> bool:
    """Say if this is small letters and digits, with separators in between."""
    if not text or text[0] not in _SMALL or text[-1] not in _SMALL:
        return False
    between = "".join("/" if sign in _SMALL else sign for sign in text).split("/")
    return all(one in _SEPARATORS or not one.strip("-") for one in between)


def _what_is_wrong(part: str) -> str:
    if not part:
        return "a part of it is empty"
    if _is_part(part.lower()):
        return "a repository is written in small letters"
    return f"{part!r} is not a-z0-9 with one of . _ __ - in between"
