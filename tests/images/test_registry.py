"""A real registry: what comes from it, what goes to it, and who is let in."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cfslib.cli import with_ids
from cfslib.images import descriptor, layout
from cfslib.images.blobs import CutOff
from cfslib.images.reference import parse
from cfslib.images.registry import Registry
from cfslib.images.store import Store
from cfslib.images.urls import Refused
from tests.conftest import needs_root, needs_user_namespaces
from tests.images import registries
from tests.images.handmade import HERE, Layout, digest, layer
from tests.images.peers import Engine, call, needs
from tests.images.registries import (
    HTPASSWD,
    Certificate,
    Running,
    TokenServer,
    log_in,
    needs_openssl,
    needs_registry,
    pull,
    push,
    running,
    serving,
)
from tests.images.trees import differences

PLACES = {"./": b"", "bin/": b"", "etc/": b""}  # so that their times are known
BASE = layer({**PLACES, "bin/sh": b"shell", "etc/passwd": b"root:x:0:0:::\n"})
ABOVE = layer({"bin/more": os.urandom(3 << 20), "etc/passwd": b"changed", **PLACES})

CFS = [sys.executable, "-m", "cfslib.cli.entry", "image"]

pytestmark = [needs_registry, needs_user_namespaces]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a registry that everybody may use, without TLS."""
    with running(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return registries.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """Return the name of a repository that no other test uses."""
    words = re.findall("[a-z0-9]+", request.node.name.lower())
    return "-".join(words)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where a store is to be that has tool:1; and be nobody at registries."""
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    made = Layout(tmp_path / "made")
    made.image("tool:1", [BASE, ABOVE], steps=["ADD a /", "ADD b /"], Cmd=["sh"])
    load(made.place, tmp_path / "store")
    return tmp_path / "store"


def load(source: Path, place: Path, name: str | None = None) -> None:
    owners = with_ids.owners()

    def bring() -> None:
        with layout.opened(str(source)) as images:
            Store(place).load(images, name, owners=owners)

    with_ids.call(bring)


def tree(place: Path, name: str) -> Path:
    return Path(Store(place).find(name).tree)


def test_what_is_pushed_can_be_pulled_and_is_the_same(
    registry: Running, repository: str, place: Path, tmp_path: Path
) -> None:
    name = f"{registry.address}/{repository}:1"
    pushed = push("tool:1", place, name)
    pulled = pull(name, tmp_path / "other")

    before = Store(place).find("tool:1")
    assert pushed.digest == pulled.image.manifest == before.manifest
    assert pulled.image.familiar == name
    assert differences(Path(before.tree), Path(pulled.image.tree)) == []


def test_an_image_is_pulled_by_its_digest(
    registry: Running, repository: str, place: Path, tmp_path: Path
) -> None:
    name = f"{registry.address}/{repository}"
    pushed = push("tool:1", place, f"{name}:1")
    exact = f"{name}@{pushed.digest}"

    assert pull(exact, tmp_path / "other").image.familiar == exact
    with pytest.raises(Refused, match="manifest unknown"):
        pull(f"{name}@{digest(b'')}", tmp_path / "other")
    with pytest.raises(ValueError, match="under a tag"):
        push("tool:1", place, exact)


def test_a_pull_of_what_is_here_brings_the_manifest_alone(
    registry: Running, repository: str, place: Path
) -> None:
    name = f"{registry.address}/{repository}:1"
    push("tool:1", place, name)
    pull(name, place)

    asked = [path for path in registry.requests("GET") if f"/{repository}/" in path]
    assert asked == [f"/v2/{repository}/manifests/1"]


def test_what_is_there_is_not_sent_again(
    registry: Running, repository: str, place: Path
) -> None:
    name = f"{registry.address}/{repository}:1"

    assert push("tool:1", place, name).sent > len(ABOVE) // 2
    assert push("tool:1", place, name).sent == 0


def test_a_blob_of_another_repository_is_mounted(
    registry: Running, repository: str, place: Path
) -> None:
    mine, other = (f"{registry.address}/{repository}-{x}:1" for x in "ab")
    push("tool:1", place, mine)
    pull(mine, place)  # so that we know who has it
    pushed = push("tool:1", place, other)

    assert (pushed.sent, pushed.mounted) == (0, 3)


def test_of_a_list_we_pull_what_is_for_this_machine(
    registry: Running, repository: str, tmp_path: Path, place: Path
) -> None:
    made = Layout(tmp_path / "list")
    ours, other = (made.manifest([one]) for one in (BASE, ABOVE))
    platform = {"os": "linux", "architecture": HERE}
    inner = made.json(
        descriptor.INDEX,
        manifests=[
            other | {"platform": platform | {"architecture": "other"}},
            ours | {"platform": platform},
        ],
    )
    made.index("x:1", [inner])  # a list in a list
    there = Registry(parse(f"{registry.address}/{repository}:1"))
    put(there, made, tag="1")

    pulled = pull(str(there.where), place)
    assert pulled.image.manifest == ours["digest"]


def put(there: Registry, made: Layout, tag: str) -> None:
    """Give a registry all that is in a layout, and its first image a tag."""
    index = json.loads((made.place / "index.json").read_text())
    _put(there, made, index["manifests"][0], tag)


def _put(there: Registry, made: Layout, entry: dict[str, Any], tag: str) -> None:
    data = (made.place / "blobs" / entry["digest"].replace(":", "/")).read_bytes()
    if "manifest" in entry["mediaType"] or "index" in entry["mediaType"]:
        top = json.loads(data)
        for part in top.get("manifests") or [top["config"], *top["layers"]]:
            _put(there, made, part, part["digest"])
        there.put_manifest(tag, entry["mediaType"], data)
    else:
        there.put_blob(entry["digest"], len(data), lambda: [data])


@needs("skopeo")
def test_a_manifest_of_docker_comes_as_it_was_pushed(
    registry: Running, repository: str, tmp_path: Path, place: Path
) -> None:
    where = f"{registry.address}/{repository}:1"
    copy = ["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false"]
    call(*copy, "--format", "v2s2", f"oci:{tmp_path}/made:tool:1", f"docker://{where}")
    url = f"http://{registry.address}/v2/{repository}/manifests/1"
    with urllib.request.urlopen(url) as answer:  # which does not say what it reads
        assert answer.headers.get_content_subtype().endswith("v1+prettyjws")

    see = ["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}"]
    assert pull(where, place).image.manifest == call(*see, f"docker://{where}")
    assert push(where, place, f"{where}-again").digest.startswith("sha256:")


def test_a_manifest_that_does_not_say_what_it_is_is_read(
    registry: Running, repository: str, tmp_path: Path, place: Path
) -> None:
    made = Layout(tmp_path / "silent")
    entry = made.image("x:1", [BASE])
    there = Registry(parse(f"{registry.address}/{repository}:1"))
    put(there, made, "0")
    (blob,) = (made.place / "blobs/sha256").glob(entry["digest"].partition(":")[2])
    top = json.loads(blob.read_text())
    del top["mediaType"]
    there.put_manifest("1", descriptor.MANIFEST, json.dumps(top).encode())

    pulled = pull(str(there.where), place)
    assert push(pulled.image.name, place, f"{there.where}-2").digest == (
        pulled.image.manifest
    )


def docker_archive(place: Path, *layers: bytes) -> Path:
    """Write what `docker save` would."""
    config = {
        "architecture": HERE,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [*map(digest, layers)]},
    }
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    top = [{"Config": "c.json", "RepoTags": ["plain:1"], "Layers": names}]
    files = dict(zip(names, layers, strict=True))
    files |= {"c.json": json.dumps(config).encode()}
    files |= {"manifest.json": json.dumps(top).encode()}
    with tarfile.open(place, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return place


def test_a_plain_layer_is_packed_once_and_asked_for_by_the_packed_digest(
    registry: Running, repository: str, tmp_path: Path, place: Path
) -> None:
    load(docker_archive(tmp_path / "plain.tar", BASE + bytes(1 << 20)), place)
    name = f"{registry.address}/{repository}:1"
    first = push("plain:1", place, name)
    again = push("plain:1", place, name)

    plain = Store(place).manifest(Store(place).find("plain:1")).layers[0].digest
    heads = [path for path in registry.requests("HEAD") if f"/{repository}/" in path]
    assert first.digest == again.digest
    assert 0 < first.sent < 10_000
    assert again.sent == 0
    assert len(heads) == 4  # a layer and a config, each time
    assert not any(path.endswith(plain) for path in heads)
    pulled = pull(name, tmp_path / "other").image
    assert differences(tree(place, "plain:1"), Path(pulled.tree)) == []


def test_a_layer_that_came_packed_is_not_packed_again(
    registry: Running, repository: str, tmp_path: Path, place: Path
) -> None:
    name = f"{registry.address}/{repository}:1"
    push("tool:1", place, name)
    load(docker_archive(tmp_path / "plain.tar", BASE, ABOVE), place)

    pushed = push("plain:1", place, name)
    assert pushed.sent < 1000  # the config
    assert not (place / "repacked").exists()


def test_prune_forgets_what_plain_layers_are_called_packed(
    registry: Running, repository: str, tmp_path: Path, place: Path
) -> None:
    load(docker_archive(tmp_path / "plain.tar", BASE), place)
    with_ids.call(lambda: Store(place).remove(Store(place).find("tool:1")))
    push("plain:1", place, f"{registry.address}/{repository}:1")
    assert len(os.listdir(place / "repacked")) == 1
    with_ids.call(Store(place).prune)
    assert len(os.listdir(place / "repacked")) == 1

    with_ids.call(lambda: Store(place).remove(Store(place).find("plain:1")))
    with_ids.call(Store(place).prune)

    assert os.listdir(place / "repacked") == []


def part_of(data: bytes, length: int, place: Path) -> Path:
    """Have a store in which a pull of a blob was interrupted."""
    blobs = place / "blobs/sha256"
    blobs.mkdir(parents=True, mode=0o700)
    part = blobs / f"{digest(data).removeprefix('sha256:')}.part"
    part.write_bytes(data[:length])
    part.chmod(0o600)
    return part


@pytest.mark.parametrize("lacks", [1, 1 << 20, 0])  # of none, the answer is a 416
def test_a_blob_goes_on_where_it_was(
    registry: Running, repository: str, place: Path, tmp_path: Path, lacks: int
) -> None:
    name = f"{registry.address}/{repository}:1"
    push("tool:1", place, name)
    _, big = Store(place).manifest(Store(place).find("tool:1")).layers
    data = Path(Store(place).blobs.path(big.digest)).read_bytes()
    part_of(data, len(data) - lacks, tmp_path / "other")
    told: list[tuple[int, int]] = []

    pull(name, tmp_path / "other", lambda *both: told.append(both), alone=True)

    asked = f'"GET /v2/{repository}/blobs/{big.digest} '
    line = next(x for x in registry.log().splitlines() if asked in x)
    sent = int(line.rpartition('HTTP/1.1" ')[2].split()[1])
    assert sent == (lacks or sent)
    assert sent < 2 << 20
    assert told[-1][0] == told[-1][1]
    assert not list((tmp_path / "other").rglob("*.part"))


def test_a_part_of_something_else_does_no_harm(
    registry: Running, repository: str, place: Path, tmp_path: Path
) -> None:
    name = f"{registry.address}/{repository}:1"
    push("tool:1", place, name)
    _, big = Store(place).manifest(Store(place).find("tool:1")).layers
    part = part_of(b"", 0, tmp_path / "other").parent / f"{big.digest[7:]}.part"
    part.write_bytes(b"x" * 1000)
    part.chmod(0o600)

    pulled = pull(name, tmp_path / "other").image

    assert differences(tree(place, "tool:1"), Path(pulled.tree)) == []


def test_two_pull_the_same_at_once(
    registry: Running, repository: str, place: Path, tmp_path: Path
) -> None:
    name = f"{registry.address}/{repository}:1"
    push("tool:1", place, name)
    environ = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data")}
    both = [
        subprocess.Popen([*CFS, "pull", name], env=environ, stdout=subprocess.PIPE)
        for _ in range(2)
    ]

    for one in both:
        assert one.communicate()[0] == f"Pulled image: {name}\n".encode()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Running]:
    """Return a registry that takes a name and a password."""
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    settings = {"htpasswd": {"realm": "x", "path": str(tmp_path / "htpasswd")}}
    with running(tmp_path / "guarded", auth=settings) as started:
        yield started


def test_a_name_and_a_password_let_us_in(
    guarded: Running, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{guarded.address}/tool:1"
    log_in(monkeypatch, tmp_path, "other:5000")
    for refused in (lambda: push("tool:1", place, name), lambda: pull(name, place)):
        with pytest.raises(Refused, match="wants a name and a password") as caught:
            refused()
        assert "docker login" in caught.value.__notes__[0]

    log_in(monkeypatch, tmp_path, guarded.address)
    push("tool:1", place, name)
    assert pull(name, tmp_path / "other").is_new


def test_a_wrong_password_is_one_line(
    guarded: Running, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registries, "PASSWORD", "wrong")
    log_in(monkeypatch, tmp_path, guarded.address)

    with pytest.raises(Refused, match="not for us: 401"):
        push("tool:1", place, f"{guarded.address}/tool:1")


@needs_openssl
def test_a_certificate_has_to_be_trusted(
    tls: Certificate, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path / "tls", tls=tls) as started:
        name = f"localhost:{started.address.partition(':')[2]}/tool:1"
        with pytest.raises(
            Refused, match=r"certificate is not good: self.signed"
        ) as it:
            push("tool:1", place, name)
        assert "SSL_CERT_FILE" in it.value.__notes__[0]

        monkeypatch.setenv("SSL_CERT_FILE", str(tls.file))
        push("tool:1", place, name)
        assert pull(name, tmp_path / "other").is_new
        name = name.replace("localhost", "127.0.0.2")
        with pytest.raises(Refused, match=r"127\.0\.0\.2.*(not good|refused)"):
            pull(name, tmp_path / "other")


@pytest.fixture(params=[True, False], ids=["anonymous", "known"])
def with_tokens(
    tls: Certificate, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Running, registries.Server, bool]]:
    """Return a registry that takes tokens, and who gives them out: to all, or not."""
    tokens = TokenServer(tls, anonymous=request.param)
    with (
        serving(tokens.answer) as server,
        running(tmp_path / "r", auth=tokens.settings(server.address)) as started,
    ):
        yield started, server, request.param


@needs_openssl
def test_a_token_lets_us_in(
    with_tokens: tuple[Running, registries.Server, bool],
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started, server, is_anonymous = with_tokens
    name, other = (f"{started.address}/{x}:1" for x in ("a/tool", "b/tool"))
    with pytest.raises(Refused, match="not for us" if is_anonymous else "no token"):
        push("tool:1", place, name)

    log_in(monkeypatch, tmp_path, started.address)
    push("tool:1", place, name)
    pull(name, place)
    assert push("tool:1", place, other).mounted == 3  # which takes two scopes at once
    monkeypatch.delenv("REGISTRY_AUTH_FILE")
    if is_anonymous:
        assert pull(name, tmp_path / "other").is_new
    else:
        with pytest.raises(Refused, match=r"no token.*401"):
            pull(name, tmp_path / "other")
    # The password was shown to who gives out tokens, and never to the registry.
    assert any("Basic" in x[2].get("Authorization", "") for x in server.seen)


@needs("skopeo")
def test_skopeo_and_we_read_what_the_other_pushes(
    registry: Running, repository: str, place: Path, tmp_path: Path
) -> None:
    where = f"{registry.address}/{repository}"
    skopeo = ["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false"]
    skopeo += ["--src-tls-verify=false"]
    push("tool:1", place, f"{where}:ours")
    call(*skopeo, f"docker://{where}:ours", f"oci:{tmp_path}/copy:x")
    load(tmp_path / "copy", tmp_path / "theirs", "x:1")
    call(*skopeo, f"oci:{tmp_path}/copy:x", f"docker://{where}:theirs")

    pulled = pull(f"{where}:theirs", tmp_path / "again").image
    ours = tree(place, "tool:1")
    assert differences(ours, tree(tmp_path / "theirs", "x:1")) == []
    assert differences(ours, Path(pulled.tree)) == []


@needs_root
@pytest.mark.parametrize(
    "tool", [pytest.param(tool, marks=needs(tool)) for tool in ("podman", "buildah")]
)
def test_engines_and_we_read_what_the_other_pushes(
    registry: Running, repository: str, place: Path, tmp_path: Path, tool: str
) -> None:
    where = f"{registry.address}/{repository}"
    push("tool:1", place, f"{where}:ours")
    with Engine(tool) as engine:
        engine("pull", "--tls-verify=false", f"docker://{where}:ours")
        if tool == "podman":
            seen = Path(engine("image", "mount", f"{where}:ours"))
        else:
            seen = Path(engine("mount", engine("from", f"{where}:ours")))
        ours = tree(place, "tool:1")
        theirs = differences(ours, seen)
        assert [one for one in theirs if not one.startswith(".:")] == []
        pushed = (f"{where}:ours", f"docker://{where}:theirs")
        engine("push", "--tls-verify=false", *pushed)

    pulled = pull(f"{where}:theirs", tmp_path / "again").image
    assert differences(ours, Path(pulled.tree)) == []


def test_a_push_whose_line_is_cut_begins_again(
    registry: Running, repository: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = [1]
    once = Registry._ask

    def cut(self: Registry, method: str, *rest: Any, **more: Any) -> Any:
        if method == "PUT" and more.get("once") and cuts:
            cuts.clear()
            once(self, "PATCH", rest[0], {}, lambda: b"half of it").close()
            raise CutOff("the line was cut")
        return once(self, method, *rest, **more)

    monkeypatch.setattr(Registry, "_ask", cut)

    name = f"{registry.address}/{repository}:1"
    assert push("tool:1", place, name).sent
    assert not cuts


def test_what_is_pushed_is_not_cleared_away_meanwhile(
    registry: Running, repository: str, place: Path
) -> None:
    cleared: list[object] = []

    def clear(*_: int) -> None:
        if not cleared:
            there = Store(place)
            image = there.find("tool:1")
            cleared.append(with_ids.call(lambda: there.remove(image)) or "later")

    name = f"{registry.address}/{repository}:1"
    assert push("tool:1", place, name, progress=clear).sent
    assert cleared == ["later"]
    assert with_ids.call(Store(place).prune).blobs
