"""Whom we speak with, and what we show them."""

import email.utils
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cfslib.images import urls, web
from cfslib.images.reference import parse
from cfslib.images.registry import Registry
from cfslib.images.urls import Refused
from cfslib.images.web import NoTls, Web
from tests.images.registries import Handler, Server, serving

pytestmark = pytest.mark.alike


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda request: request.say(200, b"hello")) as started:
        yield started


def ask(url: str, *, is_local: bool = True, secret: str = "") -> bytes:
    with Web(is_local=is_local).ask("GET", url, {}, secret=secret) as answer:
        return answer.document("it")


def test_without_tls_we_speak_for_registries_of_this_machine_alone(
    server: Server,
) -> None:
    assert ask(f"http://{server.address}/") == b"hello"
    with pytest.raises(Refused, match="without TLS") as caught:
        ask(f"http://{server.address}/", is_local=False)
    assert "localhost" in caught.value.__notes__[0]
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("127.0.0.1.nip.io", False),
        ("127.evil.com", False),
        ("localhost.evil.com", False),
        ("0.0.0.0", False),
        ("128.0.0.1", False),
        ("", False),
    ],
)
def test_what_is_this_machine_is_said_by_name(host: str, expected: bool) -> None:
    assert urls.is_loopback(host) is expected


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "data:,x",
        "http:///x",
        "http://user@127.0.0.1/",
        "http://127.0.0.1\\@b.c/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1 /",
        "/relative",
        "",
    ],
)
def test_there_are_places_where_we_do_not_go(url: str) -> None:
    with pytest.raises(Refused, match="do not go to"):
        ask(url)


def test_a_proxy_is_not_for_this_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda request: request.say(200, b"a proxy")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        monkeypatch.delenv("no_proxy", raising=False)

        assert ask(f"http://{server.address}/", secret="Basic x") == b"hello"
        assert proxy.seen == []


def test_a_proxy_is_asked_for_a_tunnel_to_others_and_sees_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def answer() -> None:
            client, _ = proxy.accept()
            with client:
                heard.append(client.recv(1 << 16))
                client.sendall(b"HTTP/1.1 403 No\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"127.0.0.1:{proxy.getsockname()[1]}"
        monkeypatch.setenv("https_proxy", f"http://{address}")
        with pytest.raises(Refused, match="403"):
            ask("https://registry.invalid/v2/", is_local=False, secret="Basic x")
        thread.join()
    assert heard[0].startswith(b"CONNECT registry.invalid:443 ")
    assert b"Basic" not in heard[0]


def test_a_server_without_tls_is_known_as_such(server: Server) -> None:
    with pytest.raises(NoTls):
        ask(f"https://{server.address}/")
    assert ask(f"http://{server.address}/") == b"hello"


def test_what_lets_us_in_does_not_come_back_after_a_detour() -> None:
    def answer(request: Handler) -> None:
        if request.path == "/start":
            request.say(307, Location=f"http://{other.address}/back")
        else:
            request.say(200, b"end")

    with serving(answer) as first:

        def back(request: Handler) -> None:
            request.say(307, Location=f"http://{first.address}/end")

        with serving(back) as other:
            assert ask(f"http://{first.address}/start", secret="Basic x") == b"end"
        secrets = [seen[2].get("Authorization") for seen in first.seen + other.seen]
    assert secrets == ["Basic x", None, None]


def test_a_time_to_come_again_may_be_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_FIRST_PAUSE", 0.001)
    began = time.time()

    def answer(request: Handler) -> None:
        if len(busy.seen) > 1:
            request.say(200, b"now")
        else:
            when = email.utils.formatdate(began + 2, usegmt=True)
            request.say(503, Retry_After=when)

    with serving(answer) as busy:
        assert ask(f"http://{busy.address}/") == b"now"
    assert time.time() - began >= 1  # a date has no fractions of a second


@pytest.mark.parametrize("said", ["-5", "soon", "1e9", "", "²"])
def test_a_time_that_makes_no_sense_is_none(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_FIRST_PAUSE", 0.001)

    def answer(request: Handler) -> None:
        if len(busy.seen) > 1:
            request.say(200, b"now")
        else:
            request.say(429, Retry_After=said.encode().decode("latin-1"))

    with serving(answer) as busy:
        assert ask(f"http://{busy.address}/") == b"now"


def test_docker_hub_has_its_registry_elsewhere() -> None:
    assert Registry(parse("busybox")).host == "registry-1.docker.io"
    assert Registry(parse("a.b:5000/x")).host == "a.b:5000"


def test_what_others_wrote_is_shown_without_what_it_would_do(tmp_path: Path) -> None:
    assert urls.shown("\x1b[31mred\n") == "?[31mred?"
    assert len(urls.shown("x" * 1000)) < 200
