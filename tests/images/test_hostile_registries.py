"""Registries that lie, hang up, or never end: one line each, and nothing is left."""

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cfslib.cli import with_ids
from cfslib.images import pulling, web
from cfslib.images.blobs import CutOff
from cfslib.images.compression import BadDigest
from cfslib.images.documents import BadDocument
from cfslib.images.reference import Reference
from cfslib.images.store import Store
from cfslib.images.urls import Refused
from tests.conftest import needs_user_namespaces, wait_until
from tests.images import registries
from tests.images.handmade import CONFIG, LAYER, MANIFEST, digest, layer
from tests.images.registries import Handler, Server, serving

PLAIN = layer({"./": b"", "x": os.urandom(3 << 20)})
DATA = gzip.compress(PLAIN, 1, mtime=0)
NAME = "tool:1"
# In this process, where nobody waits as long as a person would.
pull = partial(registries.pull, alone=True)
Answer = Callable[[Handler], None]

pytestmark = [
    needs_user_namespaces,
    pytest.mark.long,
    pytest.mark.alike,
]


def about(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(data), "size": len(data)}


ABOUT = json.dumps(
    {"os": "linux", "config": {}, "rootfs": {"diff_ids": [digest(PLAIN)]}}
).encode()
TOP = {
    "schemaVersion": 2,
    "mediaType": MANIFEST,
    "config": about(CONFIG, ABOUT),
    "layers": [about(LAYER, DATA)],
}


@dataclass
class Registry:
    """One with a single image; what it says of a path may be something else."""

    instead: dict[str, Answer] = field(default_factory=dict)
    top: bytes = json.dumps(TOP).encode()

    def answer(self, request: Handler) -> None:
        """Answer as a registry would."""
        for ending, answer in self.instead.items():
            if request.path.partition("?")[0].endswith(ending):
                answer(request)
                return
        last = request.path.rpartition("/")[2]
        blobs = {digest(one): one for one in (ABOUT, DATA, self.top)}
        if request.path == "/v2/":
            request.say(200)
        elif "/manifests/" in request.path:
            request.say(200, self.top, Content_Type=MANIFEST)
        else:
            request.say(200, blobs[last])


CONFIG_PATH, LAYER_PATH = digest(ABOUT), digest(DATA)
MANIFEST_PATH = "/manifests/1"


@pytest.fixture
def registry() -> Iterator[tuple[Registry, Server]]:
    answers = Registry()
    with serving(answers.answer) as server:
        yield answers, server


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(web, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(web, "TIMEOUT", 0.5)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nothing"))


def left(place: Path) -> list[str]:
    """Return all files of a store."""
    return [str(path) for path in place.rglob("*") if path.is_file()]


def endless(request: Handler) -> None:
    request.say(200, Content_Length=None)
    while True:
        request.wfile.write(bytes(1 << 16))


def silent(request: Handler) -> None:
    request.say(200, b"", Content_Length=1000)
    time.sleep(2)


def cut(request: Handler) -> None:
    request.say(200, b"only this", Content_Length=len(DATA))


def in_circles(request: Handler) -> None:
    request.say(307, Location=request.path)


def big_json(request: Handler) -> None:
    request.say(200, Content_Length=None)
    for _ in range(100):
        request.wfile.write(b"[" * (1 << 20))


def deep_json(request: Handler) -> None:
    request.say(200, b"[" * (1 << 20))


def says(status: int, data: bytes = b"", **headers: object) -> Answer:
    return lambda request: request.say(status, data, **headers)


def other_layer(request: Handler) -> None:
    request.say(200, DATA[:-1] + b"x")


def short_layer(request: Handler) -> None:
    request.say(200, DATA[:-9])


def long_layer(request: Handler) -> None:
    request.say(200, DATA + b"x")


REALM = 'Bearer realm="http://127.0.0.1:1/token"'
LIES: dict[str, tuple[str, Answer, type[Exception], str]] = {
    "another layer": (LAYER_PATH, other_layer, BadDigest, "should be"),
    "another config": (CONFIG_PATH, says(200, ABOUT[:-1] + b" "), BadDigest, "be sha"),
    "a short layer": (LAYER_PATH, short_layer, BadDigest, "ends 9 bytes"),
    "a long layer": (LAYER_PATH, long_layer, BadDigest, "longer than"),
    "endless layer": (LAYER_PATH, endless, BadDigest, "longer than"),
    "endless config": (CONFIG_PATH, endless, BadDigest, "longer than"),
    "endless manifest": (MANIFEST_PATH, endless, BadDocument, "longer than 4194304"),
    "100 MB of JSON": (MANIFEST_PATH, big_json, BadDocument, "longer than 4194304"),
    "100 MB of JSON, as it says": (
        MANIFEST_PATH,
        says(200, b"[", Content_Length=100 << 20),
        BadDocument,
        "longer than 4194304",
    ),
    "no JSON": (MANIFEST_PATH, says(200, b"<html>"), BadDocument, "not JSON"),
    "deep JSON": (MANIFEST_PATH, deep_json, BadDocument, "deep"),
    "another manifest than it says": (
        MANIFEST_PATH,
        says(200, json.dumps(TOP).encode(), Docker_Content_Digest=digest(b"")),
        BadDigest,
        "a manifest should be",
    ),
    "in circles": (MANIFEST_PATH, in_circles, Refused, "sends us on and on"),
    "layer in circles": (LAYER_PATH, in_circles, Refused, "sends us on and on"),
    "to a file": (LAYER_PATH, says(307, Location="file:///etc/passwd"), Refused, "go"),
    "to nothing": (LAYER_PATH, says(307, Location="http://"), Refused, "on and on"),
    "to a broken place": (LAYER_PATH, says(307, Location="http://[x"), Refused, "go"),
    "to a bad port": (LAYER_PATH, says(307, Location="http://a:99999/"), Refused, "go"),
    "with a name": (LAYER_PATH, says(307, Location="http://a@b/"), Refused, "not go"),
    "without TLS": (LAYER_PATH, says(307, Location="http://b.c/"), Refused, "TLS"),
    "cut": (LAYER_PATH, cut, CutOff, "was cut"),
    "cut config": (CONFIG_PATH, cut, CutOff, "was cut"),
    "cut manifest": (MANIFEST_PATH, cut, CutOff, "was cut"),
    "silence": (MANIFEST_PATH, silent, CutOff, "no answer in time"),
    "not there": (LAYER_PATH, says(404), Refused, "404 Not Found"),
    "always busy": (LAYER_PATH, says(503), Refused, "503 Service Unavailable"),
    "busy for a year": (LAYER_PATH, says(429, Retry_After=9999999), Refused, "come b"),
    "401 for ever": (
        MANIFEST_PATH,
        says(401, WWW_Authenticate='Basic realm="x"'),
        Refused,
        "wants a name and a password",
    ),
    "401 and nothing": (MANIFEST_PATH, says(401), Refused, "lets nobody in"),
    "no token": (MANIFEST_PATH, says(401, WWW_Authenticate=REALM), Refused, "refused"),
    "a realm without TLS": (
        MANIFEST_PATH,
        says(401, WWW_Authenticate='Bearer realm="http://a.b/"'),
        Refused,
        "without TLS",
    ),
    "a strange error": (
        MANIFEST_PATH,
        says(400, b'{"errors": [{"message": "\\u001b[31mred\\n", "code": 1}]}'),
        Refused,
        "400 Bad Request",
    ),
    "another range": (
        LAYER_PATH,
        says(206, b"x", Content_Range="bytes 5-5/6"),
        Refused,
        "does not begin where",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_one_line_and_leaves_nothing(
    lie: str, registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    path, answer, kind, why = LIES[lie]
    registry[0].instead[path] = answer
    place = tmp_path / "store"
    with pytest.raises(kind, match=why) as caught:
        pull(f"{registry[1].address}/{NAME}", place)

    text = str(caught.value)
    assert len(text) < 300
    assert text.isprintable()
    with_ids.call(Store(place).prune)
    assert [one for one in left(place) if "index.json" not in one] == []


@pytest.mark.parametrize("lie", [lie for lie in LIES if not lie.startswith("cut")])
def test_it_leaves_nothing_for_prune_either(
    lie: str, registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    path, answer, kind, _ = LIES[lie]
    registry[0].instead[path] = answer
    with pytest.raises(kind):
        pull(f"{registry[1].address}/{NAME}", tmp_path / "store")

    assert left(tmp_path / "store") == []


def test_nothing_is_wrong_with_what_tells_no_lies(
    registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    assert pull(f"{registry[1].address}/{NAME}", tmp_path / "store").is_new


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("path", [MANIFEST_PATH, CONFIG_PATH, LAYER_PATH])
def test_who_is_busy_is_asked_again(
    status: int, path: str, registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    answers, server = registry

    def busy(request: Handler) -> None:
        request.say(status, Retry_After="0")
        del answers.instead[path]

    answers.instead[path] = busy
    assert pull(f"{server.address}/{NAME}", tmp_path / "store").is_new


def test_who_says_when_to_come_again_is_asked_then(
    registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    answers, server = registry
    times: list[float] = []

    def busy(request: Handler) -> None:
        times.append(time.monotonic())
        if len(times) > 1:
            del answers.instead[MANIFEST_PATH]
            answers.answer(request)
        else:
            request.say(429, Retry_After="1")

    answers.instead[MANIFEST_PATH] = busy
    pull(f"{server.address}/{NAME}", tmp_path / "store")
    assert times[1] - times[0] >= 1


def broken_after(size: int, *, ranges: bool) -> Answer:
    """Return what sends so many bytes at a time, and with luck goes on there."""

    def answer(request: Handler) -> None:
        said = request.headers.get("Range", "bytes=0-")
        start = int(said[len("bytes=") : -1]) if ranges else 0
        rest = DATA[start:]
        headers: dict[str, object] = {"Content_Length": len(rest)}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
        request.say(206 if start else 200, rest[:size], **headers)

    return answer


def test_a_line_that_is_cut_again_and_again_brings_all_in_the_end(
    registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    registry[0].instead[LAYER_PATH] = broken_after(100_000, ranges=True)

    with pytest.raises(CutOff):  # this is too bad a line
        pull(f"{registry[1].address}/{NAME}", tmp_path / "store")
    registry[0].instead[LAYER_PATH] = broken_after(1_100_000, ranges=True)
    assert pull(f"{registry[1].address}/{NAME}", tmp_path / "store").is_new


def test_who_cannot_begin_in_the_middle_sends_all_again(
    registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    answers, server = registry

    def once(request: Handler) -> None:
        broken_after(2_000_000, ranges=False)(request)
        del answers.instead[LAYER_PATH]

    answers.instead[LAYER_PATH] = once
    assert pull(f"{server.address}/{NAME}", tmp_path / "store").is_new


def test_what_a_cut_line_brought_is_kept_and_prune_clears_it(
    registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    registry[0].instead[LAYER_PATH] = broken_after(100_000, ranges=True)
    place = tmp_path / "store"
    with pytest.raises(CutOff, match="was cut"):
        pull(f"{registry[1].address}/{NAME}", place)

    (part,) = place.rglob("*.part")
    assert part.stat().st_size == web.TRIES * 100_000
    with_ids.call(Store(place).prune)
    assert not list((place / "blobs/sha256").iterdir())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL], ids=["^C", "kill"])
def test_ctrl_c_or_a_kill_leaves_what_was_fetched(
    sent: signal.Signals, registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    def slow(request: Handler) -> None:
        request.say(200, DATA[: 2 << 20], Content_Length=len(DATA))
        time.sleep(20)

    answers, server = registry
    answers.instead[LAYER_PATH] = slow
    name = f"{server.address}/{NAME}"
    call = [sys.executable, "-m", "cfslib.cli.entry", "image", "pull", name]
    environ = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    started = subprocess.Popen(
        call, env=environ, stderr=subprocess.PIPE, start_new_session=True
    )
    assert wait_until(
        lambda: any(x.stat().st_size >= 2 << 20 for x in tmp_path.rglob("*.part"))
    )
    os.killpg(started.pid, sent)
    assert started.communicate()[1] == b""
    assert started.returncode == (130 if sent == signal.SIGINT else -sent)
    del answers.instead[LAYER_PATH]
    answers.instead[LAYER_PATH] = broken_after(len(DATA), ranges=True)

    pull(name, tmp_path / "cfs")

    assert server.seen[-1][2]["Range"] == f"bytes={2 << 20}-"
    assert hashlib.sha256(DATA).hexdigest() in os.listdir(tmp_path / "cfs/blobs/sha256")


def test_a_secret_is_for_one_server_alone(
    registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    answers, server = registry

    def token(request: Handler) -> None:
        request.say(200, b'{"token": "secret"}')

    def guarded(request: Handler) -> None:
        if request.headers.get("Authorization") == "Bearer secret":
            request.say(307, Location=f"http://{elsewhere.address}/there")
        else:
            realm = f'Bearer realm="http://{server.address}/token"'
            request.say(401, WWW_Authenticate=realm)

    with serving(says(200, DATA)) as elsewhere:
        answers.instead |= {LAYER_PATH: guarded, "/token": token}
        assert pull(f"{server.address}/{NAME}", tmp_path / "store").is_new
        ((_, path, headers),) = elsewhere.seen
    assert path == "/there"
    assert "Authorization" not in headers


def test_a_server_that_we_were_sent_to_cannot_ask_who_we_are(
    registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    answers, server = registry
    asks = says(401, WWW_Authenticate='Basic realm="x"')
    with serving(asks) as elsewhere:
        there = f"http://{elsewhere.address}/"
        answers.instead[LAYER_PATH] = says(307, Location=there)
        with pytest.raises(Refused, match="not for us: 401"):
            pull(f"{server.address}/{NAME}", tmp_path / "store")
        assert len(elsewhere.seen) == 1


@pytest.mark.parametrize("token", ['{"token": ""}', "{}", '{"token": "a\\r\\nb: c"}'])
def test_a_token_that_is_none_is_one_line(
    token: str, registry: tuple[Registry, Server], tmp_path: Path
) -> None:
    answers, server = registry
    realm = f'Bearer realm="http://{server.address}/token"'
    answers.instead[MANIFEST_PATH] = says(401, WWW_Authenticate=realm)
    answers.instead["/token"] = says(200, token.encode())

    with pytest.raises(Refused, match="is none"):
        pull(f"{server.address}/{NAME}", tmp_path / "store")


def test_a_blob_can_be_sought_in(registry: tuple[Registry, Server]) -> None:
    registry[0].instead[LAYER_PATH] = broken_after(len(DATA), ranges=True)
    source = pulling.Remote(Reference(registry[1].address, "tool", "1"))

    with source.blob(LAYER_PATH) as blob:
        assert blob.seekable()
        assert blob.seek(len(DATA) - 7) == blob.tell() == len(DATA) - 7
        assert blob.read() == DATA[-7:]
        assert blob.readable()
