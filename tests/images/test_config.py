import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.images import config
from cfslib.images.config import Config, Step

pytestmark = pytest.mark.alike

DIGEST = f"sha256:{'0' * 64}"


def read(**top: Any) -> Config:
    return config.read(json.dumps(top).encode())


def refusal(**top: Any) -> str:
    with pytest.raises(ValueError, match=r"^[^\n]{1,120}$") as caught:
        read(**top)
    return str(caught.value)


def test_all_that_says_how_to_run_it_is_read() -> None:
    inner = {
        "Entrypoint": ["/init"],
        "Cmd": ["a", ""],
        "Env": ["A=1", "A=2"],
        "User": "nobody:staff",
        "WorkingDir": "/srv",
        "StopSignal": "SIGQUIT",
        "Labels": {"a": "b"},
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/data": {}},
    }
    found = read(
        architecture="arm64",
        os="linux",
        variant="v8",
        created="2026-01-01T00:00:00Z",
        config=inner,
        rootfs={"type": "layers", "diff_ids": [DIGEST]},
        history=[{"created_by": "COPY", "comment": "c"}, {"empty_layer": True}],
    )

    assert found == Config(
        diff_ids=(DIGEST,),
        architecture="arm64",
        os="linux",
        variant="v8",
        created="2026-01-01T00:00:00Z",
        entrypoint=("/init",),
        cmd=("a", ""),
        env=("A=1", "A=2"),
        user="nobody:staff",
        workdir="/srv",
        stop_signal="SIGQUIT",
        labels=(("a", "b"),),
        exposed=("80/tcp",),
        volumes=("/data",),
        history=(Step(made_by="COPY", comment="c"), Step(is_empty=True)),
    )


@pytest.mark.parametrize("inner", [None, {}])
def test_nothing_and_null_say_nothing(inner: object) -> None:
    names = ("Entrypoint", "Cmd", "Env", "User", "WorkingDir", "StopSignal")
    nulls = dict.fromkeys((*names, "Labels", "ExposedPorts", "Volumes"))

    assert read(config=inner, rootfs=None, history=None) == Config(())
    assert read(config=nulls, rootfs={"diff_ids": None}, os=None) == Config(())


def test_one_text_is_a_list_of_one() -> None:
    assert read(config={"Entrypoint": "/bin/sh"}).entrypoint == ("/bin/sh",)


@pytest.mark.parametrize(
    ("top", "why"),
    [
        ({"config": []}, "config should be dict"),
        ({"config": {"Env": {}}}, "Env should be list"),
        ({"config": {"Env": [1]}}, "Env has 1 in it"),
        ({"config": {"Cmd": ["a\0b"]}}, "Cmd has a NUL in it"),
        ({"config": {"Cmd": ["\ud800"]}}, "Cmd has half a character"),
        ({"config": {"User": 7}}, "User should be str"),
        ({"config": {"WorkingDir": True}}, "WorkingDir should be str"),
        ({"config": {"Labels": {"a": 1}}}, "a should be str"),
        ({"config": {"ExposedPorts": []}}, "ExposedPorts should be dict"),
        ({"rootfs": {"diff_ids": ["x"]}}, "diff_ids has 'x' in it"),
        ({"rootfs": {"diff_ids": [DIGEST] * 1001}}, "more than 1000 layers"),
        ({"history": ["x"]}, "history has 'x' in it"),
        ({"os": "a\0"}, "os has a NUL"),
        ({"created": ["x" * 1000]}, "created should be str"),
    ],
)
def test_what_is_wrong_is_named(top: dict[str, Any], why: str) -> None:
    assert why in refusal(**top)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", "is not an object"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "too deeply"),
        (b'{"a":' * 100_000, "too deeply"),
    ],
    ids=["empty", "half", "list", "binary", "deep", "deep objects"],
)
def test_what_is_no_config_is_refused_in_a_line(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        config.read(data)


def test_one_of_100_mb_is_refused() -> None:
    # Made here, because all tests carry what a parameter is.
    with pytest.raises(ValueError, match="longer than"):
        config.read(b'"' + b" " * 100_000_000 + b'"')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["config", "rootfs", "history", "os", "created"]),
        st.dictionaries(st.sampled_from(["Env", "Cmd", "User", "diff_ids"]), JSON)
        | JSON,
    )
)
def test_any_json_is_a_config_or_an_error(top: dict[str, Any]) -> None:
    try:
        found = read(**top)
    except ValueError:
        return
    assert isinstance(found, Config)
