"""Who we are at a registry, as other programs wrote it down."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cfslib.images import credentials
from cfslib.images.credentials import Login
from cfslib.images.documents import BadDocument
from cfslib.images.reference import parse

pytestmark = pytest.mark.alike


def auth(user: str, password: str = "b:c") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def found(name: str, place: Path, **auths: Any) -> str | None:
    """Return the user that a file makes us at a registry."""
    (place / "config.json").write_text(json.dumps({"auths": auths}))
    login = credentials.find(parse(name), {"DOCKER_CONFIG": str(place)})
    return login.user if login else None


def test_an_entry_is_found_by_its_host_and_port(tmp_path: Path) -> None:
    entries = {"a.b": auth("ada"), "a.b:5000": auth("bob")}

    assert found("a.b/x", tmp_path, **entries) == "ada"
    assert found("a.b:5000/x", tmp_path, **entries) == "bob"
    for other in ("b/x", "x.a.b/x", "a.b.c/x", "a.b:5001/x", "x"):
        assert found(other, tmp_path, **entries) is None


@pytest.mark.parametrize("key", ["https://a.b", "https://a.b/v1/", "http://a.b/v2/"])
def test_older_files_have_more_around_the_host(key: str, tmp_path: Path) -> None:
    assert found("a.b/x", tmp_path, **{key: auth("ada")}) == "ada"


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io"])
def test_docker_hub_has_two_names(key: str, tmp_path: Path) -> None:
    assert found("busybox", tmp_path, **{key: auth("ada")}) == "ada"


def test_the_entry_that_says_most_counts(tmp_path: Path) -> None:
    entries = {"a.b": auth("all"), "a.b/x": auth("some"), "a.b/x/y": auth("one")}

    assert found("a.b/z", tmp_path, **entries) == "all"
    assert found("a.b/xx", tmp_path, **entries) == "all"
    assert found("a.b/x/z", tmp_path, **entries) == "some"
    assert found("a.b/x/y", tmp_path, **entries) == "one"


@pytest.mark.parametrize("entry", [{}, {"auth": ""}, {"auth": None}, None, "x"])
def test_an_entry_that_leaves_it_to_a_helper_is_none(
    entry: object, tmp_path: Path
) -> None:
    assert found("a.b/x", tmp_path, **{"a.b": entry}) is None


def test_the_file_that_is_named_wins_and_no_file_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"auths": {"a.b": {"auth": "YTpi"}}}')
    here, where = {"DOCKER_CONFIG": str(tmp_path)}, parse("a.b/x")

    assert credentials.find(where, here) == Login("a", "b")
    named = {**here, "REGISTRY_AUTH_FILE": str(tmp_path / "none")}
    assert credentials.find(where, named) is None
    (tmp_path / "none").write_text("")
    assert credentials.find(where, named) is None


@pytest.mark.parametrize("entry", [{"auth": "%"}, {"auth": "YQ=="}, {"auth": 1}])
def test_an_entry_that_makes_no_sense_is_named(
    entry: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(BadDocument, match=r"config\.json: a\.b: .*auth"):
        found("a.b/x", tmp_path, **{"a.b": entry})


@pytest.mark.parametrize("text", ["[]", "{", '{"auths": []}'])
def test_a_file_that_makes_no_sense_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)

    with pytest.raises(BadDocument, match=r"config\.json"):
        credentials.find(parse("a.b/x"), {"DOCKER_CONFIG": str(tmp_path)})


def test_a_password_may_have_colons_and_is_not_shown() -> None:
    login = Login("ada", "b:c")

    assert base64.b64decode(login.basic.removeprefix("Basic ")) == b"ada:b:c"
    assert "b:c" not in repr(login)
