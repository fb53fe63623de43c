"""Registries for tests: Debian's docker-registry, with what can be asked of it."""

import base64
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cfslib.cli import with_ids
from cfslib.images import picked, pushing, reference
from cfslib.images.loading import Loaded
from cfslib.images.progress import Progress, unseen
from cfslib.images.pulling import Remote
from cfslib.images.store import Store
from tests.conftest import wait_until

needs_registry = pytest.mark.skipif(
    not shutil.which("docker-registry"), reason="needs docker-registry"
)
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")

USER, PASSWORD = "ada", "pass:word"
# What `htpasswd -nbB` says of that password.
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuDIEddBSuRWBBEY6g5zv60IAP5bSSfki\n"


@dataclass
class Running:
    """A registry that runs."""

    address: str  # HOST:PORT
    place: Path

    def log(self) -> str:
        """Return what it has written down."""
        return (self.place / "log").read_text()

    def requests(self, method: str) -> list[str]:
        """Return the paths of all requests of a kind so far."""
        lines = self.log().splitlines()
        marked = [line.partition(f'"{method} ')[2] for line in lines]
        return [line.partition(" ")[0] for line in marked if line]


@dataclass(frozen=True)
class Certificate:
    """A certificate for localhost, by nobody that anybody would trust."""

    file: Path
    key: Path


def certificate(place: Path) -> Certificate:
    """Make a certificate."""
    made = Certificate(place / "cert.pem", place / "key.pem")
    call = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    call += ["-subj", "/CN=localhost"]
    call += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    call += ["-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run(call, check=True, capture_output=True)
    return made


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def running(
    place: Path, tls: Certificate | None = None, auth: Mapping[str, Any] | None = None
) -> Iterator[Running]:
    """Run a registry on a free port for a `with` block."""
    place.mkdir(parents=True, exist_ok=True)
    port = free_port()
    http: dict[str, Any] = {"addr": f"127.0.0.1:{port}", "secret": "none"}
    if tls:
        http["tls"] = {"certificate": str(tls.file), "key": str(tls.key)}
    settings = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": False}, "level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(place / "data")}},
        "http": http,
    }
    if auth:
        settings["auth"] = auth
    (place / "config.yml").write_text(json.dumps(settings))  # which is YAML, too
    with open(place / "log", "wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(place / "config.yml")],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
        try:
            assert wait_until(lambda: _listens(port) or process.poll() is not None)
            assert process.poll() is None, (place / "log").read_text()
            yield Running(f"127.0.0.1:{port}", place)
        finally:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def pull(
    name: str, place: Path, progress: Progress = unseen, alone: bool = False
) -> Loaded:
    """Bring an image from a registry to a store; `alone`: in this process."""
    where, owners = reference.parse(name), with_ids.owners()
    owners = picked.RECORDED if alone and owners != picked.REAL else owners

    def bring() -> Loaded:
        source = Remote(where)
        (named,) = source.manifests()
        there = Store(place)
        return there.bring(
            source, named.descriptor, str(where), progress=progress, owners=owners
        )

    return bring() if alone else with_ids.call(bring)


def push(name: str, place: Path, to: str, **options: Any) -> pushing.Pushed:
    """Bring an image from a store to a registry."""
    there = Store(place)
    return pushing.push(there, there.find(name), reference.parse(to), **options)


def log_in(monkeypatch: pytest.MonkeyPatch, place: Path, *hosts: str) -> None:
    """Write what `docker login` would."""
    packed = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    file = place / "auth.json"
    file.write_text(json.dumps({"auths": {host: {"auth": packed} for host in hosts}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(file))


class Handler(BaseHTTPRequestHandler):
    """Answers as `Server.answer` says."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        """Answer a request of any kind."""
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        self.close_connection = True
        try:
            self.server.answer(self)
        except ConnectionError:
            pass  # they have heard enough

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

    def say(self, status: int, data: bytes = b"", **headers: object) -> None:
        """Answer at once; of a header's name, _ is a hyphen."""
        self.send_response(status)
        headers.setdefault("Content_Length", len(data))
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server that says what a test wants."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[Handler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.seen: list[tuple[str, str, dict[str, str]]] = []

    @property
    def address(self) -> str:
        """Return HOST:PORT."""
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Say nothing, for instance of a client that speaks TLS to us."""


@contextmanager
def serving(answer: Callable[[Handler], None]) -> Iterator[Server]:
    """Run a server for a `with` block."""
    with Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class TokenServer:
    """Gives out tokens, as the distribution project describes it."""

    service, issuer = "the registry", "the tests"

    def __init__(self, certificate: Certificate, *, anonymous: bool) -> None:
        self._certificate, self._anonymous = certificate, anonymous
        self.lifetime = 300

    def answer(self, request: Handler) -> None:
        """Give out a token, or none."""
        asked = parse_qs(urlsplit(request.path).query)
        both = f"{USER}:{PASSWORD}".encode()
        wanted = f"Basic {base64.b64encode(both).decode()}"
        is_known = request.headers.get("Authorization") == wanted
        if not is_known and not self._anonymous:
            request.say(401)
            return
        scopes = [scope.split(":", 2) for scope in asked.get("scope", [])]
        access = [
            {"type": kind, "name": name, "actions": self._allowed(actions, is_known)}
            for kind, name, actions in scopes
        ]
        request.say(200, json.dumps({"token": self._token(access)}).encode())

    def _allowed(self, actions: str, is_known: bool) -> list[str]:
        wanted = actions.split(",")
        return wanted if is_known else [one for one in wanted if one == "pull"]

    def _token(self, access: object) -> str:
        pem = self._certificate.file.read_text().split("-----")[2]
        head = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(pem.split())]}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": USER,
            "aud": self.service,
            "exp": now + self.lifetime,
            "nbf": now - 10,
            "iat": now - 10,
            "jti": "1",
            "access": access,
        }
        text = f"{_base64(_json(head))}.{_base64(_json(claims))}"
        call = ["openssl", "dgst", "-sha256", "-sign", str(self._certificate.key)]
        done = subprocess.run(
            call, input=text.encode(), capture_output=True, check=True
        )
        return f"{text}.{_base64(done.stdout)}"

    def settings(self, address: str) -> dict[str, Any]:
        """Return what a registry has to know of it."""
        return {
            "token": {
                "realm": f"http://{address}/token",
                "service": self.service,
                "issuer": self.issuer,
                "rootcertbundle": str(self._certificate.file),
            }
        }


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
