"""registry: ask a registry for parts of images, and give it some.

The calls are those of the OCI distribution specification.  Every manifest has an
address by its digest, and some have one by a tag; every blob has one by its digest:

    GET /v2/NAME/manifests/TAG      GET /v2/NAME/blobs/DIGEST
    PUT /v2/NAME/manifests/TAG      POST /v2/NAME/blobs/uploads/, then PUT what it says

`urllib` was chosen over oras, a client on PyPI, after both were tried with the same
registries.  oras 0.2.43 answers an index with nothing, and without an error.  It takes
a blob of any content and any length for the one that it asked for, does not go on where
a line was cut, and gives up on a registry that says when to come again.  It brings ten
packages along; and whom to show a password would still be ours to say.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from cfslib.images import descriptor, documents
from cfslib.images.blobs import CutOff
from cfslib.images.challenges import Door, refused
from cfslib.images.reference import HUB, Reference
from cfslib.images.urls import Refused, is_loopback, joined, origin, shown
from cfslib.images.web import TRIES, Answer, Body, NoTls, Web, again, pause

_HUB_HOST = f"registry-1.{HUB}"  # where Docker Hub's registry really is
# Who does not say what can be read gets a manifest of the first kind, made for him.
_ACCEPT = {"Accept": ", ".join((*descriptor.MANIFESTS, *descriptor.INDEXES))}
_PLAIN = {"Content-Type": "application/octet-stream"}
_SAID = 200  # characters of what a registry says went wrong


class Registry:
    """A repository of a registry."""

    def __init__(self, where: Reference) -> None:
        self.where = where
        self.host = _HUB_HOST if where.registry == HUB else where.registry
        self._is_local = is_loopback(self.host.partition(":")[0])
        self._web = Web(is_local=self._is_local)
        self._door = Door(self._web, where, self.host)
        self._base = "" if self._is_local else f"https://{self.host}"

    def manifest(self, which: str) -> tuple[str, str, bytes]:
        """Return a manifest by its tag or digest: type and digest as told, and text."""
        url = self._url("manifests", which)
        for number in range(TRIES):
            try:
                with self._ask("GET", url, _ACCEPT) as answer:
                    self._expect(answer, 200)
                    data = answer.document(f"the manifest of {self.where.familiar}")
            except CutOff:
                if number == TRIES - 1:
                    raise
                time.sleep(pause(number))
            else:
                break
        told = answer.headers.get("Docker-Content-Digest", "")
        return answer.headers.get_content_type(), told, data

    def blob(self, digest: str, start: int = 0) -> Answer | None:
        """Return a blob from `start` on, or from an earlier byte: see `first_byte`.

        None if there is nothing from there on: what else comes is not of the blob.
        """
        wanted = {"Range": f"bytes={start}-"} if start else {}
        answer = self._ask("GET", self._url("blobs", digest), wanted)
        if answer.status == 416 and start:
            answer.close()  # its length is said to be the whole blob's, and is not
            return None
        self._expect(answer, 200, 206)
        return answer

    def has(self, digest: str) -> int | None:
        """Return the length of a blob that is there, or None."""
        with self._ask("HEAD", self._url("blobs", digest)) as answer:
            if answer.status == 404:
                return None
            self._expect(answer, 200)
            said = answer.headers.get("Content-Length", "")
            return int(said) if said.isascii() and said.isdecimal() else 0

    def mount(self, digest: str, other: str) -> bool:
        """Have a blob of another repository here, too; say if that went well."""
        url = f"{self._url('blobs', 'uploads/')}?mount={digest}&from={other}"
        with suppress(Refused), self._ask("POST", url, _PLAIN, lambda: b"") as answer:
            return answer.status == 201
        return False

    def put_blob(
        self, digest: str, size: int, blocks: Callable[[], Iterable[bytes]]
    ) -> None:
        """Give it a blob, in one piece; if the line is cut, from the beginning."""

        def uploaded() -> Answer:
            with self._ask("POST", start, _PLAIN, lambda: b"") as answer:
                self._expect(answer, 202)
                place = joined(answer.url, answer.headers.get("Location", ""))
            url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
            return self._ask("PUT", url, headers, blocks, once=True)

        headers = {**_PLAIN, "Content-Length": str(size)}
        start = self._url("blobs", "uploads/")
        with again(uploaded) as answer:
            self._expect(answer, 201)

    def put_manifest(self, which: str, kind: str, data: bytes) -> str:
        """Give it a manifest; return the digest by which it calls it."""
        headers = {"Content-Type": kind}
        url = self._url("manifests", which)
        with self._ask("PUT", url, headers, lambda: data) as answer:
            self._expect(answer, 201)
            return answer.headers.get("Docker-Content-Digest", "")

    def _url(self, kind: str, which: str) -> str:
        base = self._base = self._base or self._found()
        return f"{base}/v2/{self.where.repository}/{kind}/{which}"

    def _found(self) -> str:
        """Return the beginning of all URLs: one of this machine may have no TLS."""
        try:
            self._web.ask_once("GET", f"https://{self.host}/v2/", {}).close()
        except (NoTls, CutOff):
            return f"http://{self.host}"
        return f"https://{self.host}"

    def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        *,
        once: bool = False,
    ) -> Answer:
        """Ask, and once more with what lets us in if we are asked for that."""
        ask = self._web.ask_once if once else self._web.ask
        for is_last in (False, True):
            secret = self._door.secret if self._is_own(url) else ""
            answer = ask(method, url, headers or {}, body, secret=secret)
            if answer.status != 401 or is_last or not self._is_own(answer.url):
                return answer
            with answer:
                self._door.answer(answer.headers.get_all("WWW-Authenticate", []))
        raise AssertionError("the last attempt returns")

    def _is_own(self, url: str) -> bool:
        """Say if a URL is of the registry itself, and not of where it sends us."""
        return origin(urlsplit(url)) == origin(urlsplit(self._base))

    def _expect(self, answer: Answer, *wanted: int) -> None:
        """Raise what an answer means, unless it is one of those wanted."""
        if answer.status in wanted:
            return
        with answer:
            why = _said(answer)
        name = f"{self.where.familiar} at {self.host}"
        if answer.status in (401, 403):
            raise refused(f"{name}: not for us: {why}")
        raise Refused(f"{name}: {why}")


def first_byte(answer: Answer) -> int:
    """Return which byte of a blob an answer begins with."""
    said = answer.headers.get("Content-Range", "").removeprefix("bytes ")
    first = said.partition("-")[0]
    is_part = answer.status == 206 and first.isascii() and first.isdecimal()
    return int(first) if is_part else 0


def _said(answer: Answer) -> str:
    """Return in a few words what a registry says went wrong."""
    status = f"{answer.status} {answer.reason}".strip()
    with suppress(OSError, ValueError):
        top = documents.parsed(answer.document("an error", 1 << 16), "an error")
        (first, *_) = documents.part(top, "errors", list, "an error", [{}])
        code = documents.part(first, "code", str, "an error", "")
        text = documents.part(first, "message", str, "an error", "")
        return f"{status}: {shown(text or code)}"[:_SAID]
    return status
