"""challenges: what a registry asks of who comes to it, and how that is answered.

It says 401 and `WWW-Authenticate: Bearer realm="https://...",service="...",scope="..."`:
somebody at the realm gives out tokens, each for a scope; who has a name and a password
shows them there, and others get one for what everybody may.  Or it says `Basic`, and
takes name and password itself.  See "Token Authentication" in the distribution project.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from cfslib.images import credentials, documents
from cfslib.images.credentials import Login
from cfslib.images.reference import HUB, Reference
from cfslib.images.urls import Refused, shown
from cfslib.images.web import Web

_TOKEN = 1 << 20  # bytes of an answer with a token
# A scheme, or a parameter of the one before it; no text takes long to search.
_PIECE = re.compile(
    r'([A-Za-z0-9._~+/-]+)(\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?', re.ASCII
)


@dataclass
class Challenge:
    """One way to be let in."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def read(headers: Iterable[str]) -> list[Challenge]:
    r"""Return the ways to be let in that a server names.

    >>> read(['Bearer realm="https://a/b", scope="x:y:pull,push"'])[0].parameters
    {'realm': 'https://a/b', 'scope': 'x:y:pull,push'}
    """
    found: list[Challenge] = []
    for name, equals, quoted, plain in _PIECE.findall(" ".join(headers)):
        if not equals:
            found.append(Challenge(name.lower()))
        elif found:
            value = re.sub(r"\\(.)", r"\1", quoted) or plain
            found[-1].parameters.setdefault(name.lower(), value)
    return found


class Door:
    """How we are let in at one registry."""

    def __init__(self, web: Web, where: Reference, host: str) -> None:
        self._web, self._where, self._host = web, where, host
        self.secret = ""  # for the next request, as long as it does

    def answer(self, headers: Iterable[str]) -> None:
        """Have a secret that answers a challenge; raise `Refused` if there is none."""
        ways = {way.scheme: way.parameters for way in reversed(read(headers))}
        login = credentials.find(self._where)
        if "bearer" in ways:
            self.secret = f"Bearer {self._token(ways['bearer'], login)}"
        elif "basic" in ways and login:
            self.secret = login.basic
        elif "basic" in ways:
            raise refused(f"{self._host} wants a name and a password")
        else:
            raise Refused(f"{self._host} lets nobody in, and does not say who it would")

    def _token(self, asked: Mapping[str, str], login: Login | None) -> str:
        realm = asked.get("realm", "")
        host = urlsplit(realm).hostname or ""
        query = [("service", asked["service"])] if asked.get("service") else []
        query += [("scope", one) for one in asked.get("scope", "").split()]
        may_see = is_of(host, self._host, self._where)
        if login and may_see:
            query.append(("account", login.user))
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        secret = login.basic if login and may_see else ""
        with self._web.ask("GET", url, {}, secret=secret) as answer:
            if answer.status != 200:
                why = f"{shown(host)} gives no token for {self._host}: {answer.status}"
                kept = "" if may_see or not login else "; it is not shown our password"
                raise refused(f"{why}{kept}")
            what = f"a token of {shown(host)}"
            return _read(answer.document(what, _TOKEN), what)


def is_of(host: str, registry: str, where: Reference) -> bool:
    """Say if a host that gives out tokens belongs to the registry that names it.

    It does if it is the same one, or one that the registry's name is below: whoever has
    example.com decides what registry.example.com is.  Docker Hub's is known.
    """
    own = registry.partition(":")[0].lower()
    is_above = own.endswith(f".{host}") and "." in host
    is_hubs = where.registry == HUB and host == f"auth.{HUB}"
    return bool(host) and (host == own or is_above or is_hubs)


def refused(why: str) -> Refused:
    """Return an error that says how to be let in."""
    error = Refused(why)
    error.add_note(credentials.HINT)
    return error


def _read(data: bytes, what: str) -> str:
    found = documents.parsed(data, what)
    token: str = documents.part(found, "token", str, what, "") or documents.part(
        found, "access_token", str, what, ""
    )
    if not token or not token.isascii() or not token.isprintable():
        raise Refused(f"{what} is none")
    return token
