"""`cfs image pull` and `push` as their users see them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.conftest import needs_user_namespaces
from tests.images.handmade import Layout, layer
from tests.images.registries import Running, needs_registry, running

CFS = [sys.executable, "-m", "cfslib.cli.entry", "image"]

pytestmark = needs_user_namespaces


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Have a store of our own, with tool:1 in it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    made = Layout(tmp_path / "made")
    made.image("tool:1", [layer({"bin/": b"", "bin/sh": os.urandom(1 << 20)})])
    assert cfs("load", made.place).returncode == 0
    return made


def cfs(*words: str | Path) -> subprocess.CompletedProcess[str]:
    call = [*CFS, *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, stdin=-3)


def complaint(*words: str) -> tuple[str, list[str]]:
    done = cfs(*words)
    cause, *advice = done.stderr.splitlines()

    assert (done.stdout, done.returncode) == ("", 125)
    # Where a user's child failed is no advice.
    return cause, [line for line in advice if "In the child" not in line]


@needs_registry
def test_an_image_goes_and_comes_back(registry: Running) -> None:
    name = f"{registry.address}/team/tool:1"
    pushed = cfs("push", "tool:1", name)
    assert pushed.stdout.startswith(f"Pushed image: {name}@sha256:")
    assert pushed.stderr == ""
    cfs("rm", "tool:1")

    pulled = cfs("pull", name)
    assert pulled.stdout == f"Pulled image: {name}\n"
    assert len(pulled.stderr.splitlines()) <= 1  # of owners that are recorded
    assert name in cfs("ls").stdout
    again = cfs("push", name)  # its name says where to
    assert again.stdout == pushed.stdout


@needs_registry
def test_a_terminal_has_a_bar_meanwhile(registry: Running) -> None:
    name = f"{registry.address}/bar:1"
    for words in (["push", "tool:1", name], ["pull", name]):
        call = [*CFS, *words]
        with pexpect.spawn(call[0], call[1:], encoding="utf-8", timeout=60) as seen:
            seen.expect(rf"{words[0].title()}ing {name} \[#*\.*\] +\d+%")
            seen.expect(rf"{words[0].title()}ed image: {name}")
            seen.expect(pexpect.EOF)
        cfs("rm", "tool:1") if words[0] == "push" else None


@needs_registry
def test_what_is_not_there_is_one_line(registry: Running) -> None:
    name = f"{registry.address}/nothing:1"

    assert complaint("pull", name) == (
        f"cfs: {name} at {registry.address}: 404 Not Found: manifest unknown",
        [],
    )
    assert complaint("push", "nothing:1")[0] == "cfs: no image nothing:1 here"
    assert cfs("ls").stdout.count("\n") == 2


def test_nobody_there_is_one_line_at_once() -> None:
    assert complaint("pull", "localhost:1/x") == (
        "cfs: localhost:1: Connection refused",
        [],
    )


@pytest.mark.parametrize("word", ["--insecure", "--tls-verify=false"])
def test_there_is_no_way_around_tls(word: str) -> None:
    for line in (["pull", word, "x"], ["push", "tool:1", "x", word]):
        cause, _ = complaint(*line)
        assert cause.startswith(f"cfs: {word}: TLS is always verified")


def test_a_name_has_no_scheme() -> None:
    assert "not the name of an image" in complaint("pull", "http://a.b/x")[0]


@pytest.mark.parametrize("word", ["pull", "push"])
def test_help_tells_about_passwords_and_certificates(word: str) -> None:
    told = cfs(word, "--help").stdout

    for what in ("docker login", "REGISTRY_AUTH_FILE", "SSL_CERT_FILE", "localhost"):
        assert what in told
    assert max(map(len, told.splitlines())) <= 80
