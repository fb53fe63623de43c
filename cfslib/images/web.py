"""web: ask a server over HTTP, and again if it is busy or the line is cut.

What lets us in at one server is not shown to another, wherever a redirect leads.  TLS
is verified; whom to trust is OpenSSL's to say: SSL_CERT_FILE and SSL_CERT_DIR name it.
"""

import http.client
import random
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

from cfslib.images import documents, urls
from cfslib.images.blobs import CutOff
from cfslib.images.urls import Refused, is_loopback, joined, shown

TIMEOUT = 30.0  # seconds without a byte
TRIES = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 60.0  # seconds; each is twice the one before
_REDIRECTS = 8
_BUSY = (429, 500, 502, 503, 504)
_MOVED = (301, 302, 303, 307, 308)
_CUTS = (ConnectionError, TimeoutError, ssl.SSLEOFError, http.client.HTTPException)
_NO_CUTS = (ConnectionRefusedError, http.client.InvalidURL)
_AGENT = "cfs"

Body = Callable[[], bytes | Iterable[bytes]]  # is called for each attempt


class NoTls(Refused):
    """A server that does not speak TLS."""


class Answer:
    """What a server answers; a stream of what comes with it."""

    def __init__(self, response: http.client.HTTPResponse, url: str) -> None:
        self._response, self.url = response, url
        self.status, self.reason = response.status, shown(response.reason)
        self.headers = response.headers
        self._left = response.length  # bytes; None if nobody said how many

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Be done with it."""
        self._response.close()

    def read1(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        wanted = size if self._left is None else min(size, self._left)
        try:
            block = self._response.read1(wanted) if wanted else b""
        except (OSError, http.client.HTTPException) as error:
            raise _cut_off(self.url, error) from None
        if self._left is not None:
            if wanted and not block:
                raise _cut_off(self.url, "it ends too early")
            self._left -= len(block)
        return block

    def document(self, what: str, most: int = documents.LIMIT) -> bytes:
        """Return all that comes, unless it is too long to be a document."""
        if (self._left or 0) > most:
            raise documents.BadDocument(f"{what} is longer than {most} bytes")
        return documents.read(self, what, most)


class Web:
    """A way to ask a registry, and those that it sends us to."""

    def __init__(self, *, is_local: bool) -> None:
        self._is_local = is_local
        self._ways: dict[bool, urllib.request.OpenerDirector] = {}

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | None = None,
        *,
        secret: str = "",
    ) -> Answer:
        """Return what a server answers, at last; `secret` is for this server alone."""
        return again(lambda: self.ask_once(method, url, headers, body, secret=secret))

    def ask_once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | None = None,
        *,
        secret: str = "",
    ) -> Answer:
        """Ask, and go where a server sends us, without what is for it alone."""
        first = urls.origin(self._checked(url))
        for _ in range(_REDIRECTS):
            asked = dict(headers)
            if secret and urls.origin(self._checked(url)) == first:
                asked["Authorization"] = secret
            else:
                secret = ""  # it does not come back either
            answer = self._once(method, url, asked, body)
            target = answer.headers["Location"]
            if answer.status not in _MOVED or not target:
                return answer
            answer.close()
            url = joined(url, target)
            if answer.status == 303:
                method, body = "GET", None
        raise Refused(f"{urlsplit(url).netloc} sends us on and on")

    def _checked(self, url: str) -> SplitResult:
        return urls.checked(url, is_local=self._is_local)

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None
    ) -> Answer:
        parts = self._checked(url)
        data = body() if body else None
        asked = {"User-Agent": _AGENT, **headers}
        request = urllib.request.Request(url, data, asked, method=method)
        try:
            way = self._way(is_loopback(parts.hostname or ""))
            response = way.open(request, timeout=TIMEOUT)
        except urllib.error.URLError as error:
            raise _failed(parts.netloc, error.reason) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failed(parts.netloc, error) from None
        assert response is not None  # there are handlers for all that is checked
        return Answer(response, url)

    def _way(self, is_near: bool) -> urllib.request.OpenerDirector:
        """Return what opens URLs: by a proxy if one is set, unless it is near."""
        if is_near not in self._ways:
            way = urllib.request.OpenerDirector()
            way.add_handler(urllib.request.ProxyHandler({} if is_near else None))
            way.add_handler(urllib.request.HTTPHandler())
            way.add_handler(
                urllib.request.HTTPSHandler(context=ssl.create_default_context())
            )
            self._ways[is_near] = way
        return self._ways[is_near]


def again(ask: Callable[[], Answer]) -> Answer:
    """Ask until there is an answer that says more than to come again later."""
    for number in range(TRIES - 1):
        try:
            answer = ask()
        except CutOff:
            time.sleep(pause(number))
            continue
        if answer.status not in _BUSY:
            return answer
        answer.close()
        time.sleep(_asked_to_wait(answer, pause(number)))
    return ask()


def pause(number: int) -> float:
    """Return how many seconds to wait after so many attempts; not all at once."""
    return _FIRST_PAUSE * (1 << number) * random.uniform(0.8, 1.2)


def _asked_to_wait(answer: Answer, at_least: float) -> float:
    """Return how long to wait, if need be as long as the server says."""
    said = answer.headers["Retry-After"] or ""
    wait = float(said) if said.isascii() and said.isdecimal() else 0.0
    with suppress(ValueError, TypeError, OverflowError):
        wait = wait or parsedate_to_datetime(said).timestamp() - time.time()
    if wait > _LONGEST_PAUSE:
        host = urlsplit(answer.url).netloc
        raise Refused(f"{host} is busy, and says to come back in {wait:.0f} seconds")
    return max(wait, at_least)


def _failed(host: str, why: object) -> OSError:
    """Return an error of ours: there is use in trying again, or not."""
    if isinstance(why, ssl.SSLCertVerificationError):
        error = Refused(f"{host}: its certificate is not good: {why.verify_message}")
        error.add_note("Hint: SSL_CERT_FILE names a file with one to trust.")
        return error
    if isinstance(why, ssl.SSLError) and not isinstance(why, ssl.SSLEOFError):
        return NoTls(f"{host} does not speak TLS as we do: {why.reason or why}")
    if isinstance(why, _CUTS) and not isinstance(why, _NO_CUTS):
        return _cut_off(host, why)
    text = why.strerror if isinstance(why, OSError) and why.strerror else why
    return Refused(f"{host}: {shown(str(text))}")


def _cut_off(where: str, why: object) -> CutOff:
    text = str(why) or type(why).__name__
    text = "no answer in time" if isinstance(why, TimeoutError) else shown(text)
    return CutOff(f"{urlsplit(where).netloc or where}: the line was cut: {text}")
