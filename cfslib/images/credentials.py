"""credentials: who we are at a registry, as `docker login` wrote it down.

    {"auths": {"localhost:5000": {"auth": "dXNlcjpwYXNzd29yZA=="}}}

That is a name and a password in base64, and hides nothing.  The file is the one that
REGISTRY_AUTH_FILE names, else ~/.docker/config.json, which DOCKER_CONFIG may move.
Programs that keep passwords elsewhere, credential helpers, are not asked.
"""

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cfslib.images import documents
from cfslib.images.documents import part
from cfslib.images.reference import HUB, Reference

HINT = (
    "Hint: `docker login` or `podman login` writes a name and a password to a file"
    " that we read; credential helpers are not asked."
)
_HUB = f"index.{HUB}"  # what `docker login` calls it


@dataclass(frozen=True)
class Login:
    """A name and a password; they are not shown."""

    user: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """Return them as HTTP sends them; see RFC 7617."""
        both = f"{self.user}:{self.password}".encode("utf-8", "surrogateescape")
        return f"Basic {base64.b64encode(both).decode()}"


def find(where: Reference, environ: Mapping[str, str] = os.environ) -> Login | None:
    """Return who we are at a registry, for this repository if that makes a difference.

    Raise `BadDocument` if the file makes no sense.
    """
    path = _file(environ)
    try:
        with open(path, "rb") as file:
            data = file.read(documents.LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    top = documents.parsed(data, path) if data.strip() else {}
    known = part(top, "auths", dict, path, {})
    by_name = {_plain(key): known[key] for key in known}
    for name in _names(where):
        entry = by_name.get(name)
        if isinstance(entry, dict) and (login := _login(entry, f"{path}: {name}")):
            return login
    return None


def _file(environ: Mapping[str, str]) -> str:
    if named := environ.get("REGISTRY_AUTH_FILE"):
        return named
    directory = environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    return os.path.join(directory, "config.json")


def _plain(key: str) -> str:
    """Return a key without what older files have around a host: https://HOST/v1/."""
    plain = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    return plain.removesuffix("/v1").removesuffix("/v2")


def _names(where: Reference) -> Iterator[str]:
    """Yield the names that an entry may have, the most exact one first."""
    hosts = (where.registry, _HUB) if where.registry == HUB else (where.registry,)
    for host in hosts:
        name = f"{host}/{where.repository}" if where.repository else host
        while name:
            yield name
            name = name.rpartition("/")[0]


def _login(entry: Mapping[str, object], what: str) -> Login | None:
    user = part(entry, "username", str, what, "")
    password = part(entry, "password", str, what, "")
    if packed := part(entry, "auth", str, what, ""):
        try:
            both = base64.b64decode(packed, validate=True)
        except ValueError:
            raise documents.BadDocument(f"{what}: auth is not base64") from None
        text = both.decode("utf-8", "surrogateescape").rstrip("\0")
        user, colon, password = text.partition(":")
        if not colon:
            raise documents.BadDocument(f"{what}: auth is no name and password")
    return Login(user, password) if user else None
