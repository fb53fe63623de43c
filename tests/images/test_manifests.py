import json
import os
from typing import Any

import pytest

from cfslib.images import manifests
from cfslib.images.manifests import Descriptor, Manifest, Platform

DIGEST = f"sha256:{'a' * 64}"
PART = {"mediaType": "x", "digest": DIGEST, "size": 3}


def read(**top: Any) -> object:
    return manifests.read(json.dumps({"schemaVersion": 2} | top).encode())


def entry(text: str) -> Descriptor:
    return Descriptor("", DIGEST, 1, Platform(*text.split("/")) if text else None, text)


def test_a_manifest_names_a_config_and_layers() -> None:
    part = Descriptor("x", DIGEST, 3)

    assert read(config=PART, layers=[PART, PART]) == Manifest(part, (part, part))


@pytest.mark.parametrize("kind", [{}, {"mediaType": None}])
def test_its_type_may_be_missing_as_podman_and_skopeo_leave_it(kind: Any) -> None:
    assert isinstance(read(config=PART, layers=[], **kind), Manifest)


def test_an_index_names_manifests() -> None:
    platform = {"os": "linux", "architecture": "arm", "variant": "v7"}
    found = read(manifests=[PART | {"platform": platform}])

    assert isinstance(found, tuple)
    assert [str(one.platform) for one in found] == ["linux/arm/v7"]


@pytest.mark.parametrize(
    ("top", "why"),
    [
        ({"schemaVersion": 1}, "schemaVersion is not 2"),
        ({"schemaVersion": None}, "schemaVersion is not 2"),
        ({}, "a config and layers"),
        ({"config": PART}, "a config and layers"),
        ({"layers": []}, "a config and layers"),
        ({"config": PART, "layers": [], "manifests": []}, "a config and layers"),
        ({"config": PART, "layers": [1]}, "layers has something in it"),
        ({"config": PART, "layers": [PART] * 1001}, "more than 1000 layers"),
        ({"config": PART | {"digest": "sha256:../../x"}, "layers": []}, "digest is"),
        ({"config": PART | {"digest": "sha512:aa"}, "layers": []}, "digest is"),
        ({"config": PART | {"size": -1}, "layers": []}, "size is -1"),
        ({"config": PART | {"size": True}, "layers": []}, "size is True"),
        ({"config": PART | {"size": 1e3}, "layers": []}, "size is 1000.0"),
        ({"config": PART | {"size": 1 << 70}, "layers": []}, "size is"),
        ({"manifests": [{"size": 1}]}, "digest is ''"),
    ],
)
def test_what_is_wrong_is_named(top: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(**top)


@pytest.mark.parametrize(
    ("offered", "wanted", "found"),
    [
        ("linux/arm64 linux/amd64", "linux/amd64", "linux/amd64"),
        ("linux/amd64/v3 linux/amd64", "linux/amd64", "linux/amd64"),
        ("linux/amd64/v3 linux/amd64/v1", "linux/amd64", "linux/amd64/v1"),
        ("linux/arm/v5 linux/arm/v7 linux/arm/v6", "linux/arm/v7", "linux/arm/v7"),
        ("linux/arm/v5 linux/arm/v7 linux/arm/v6", "linux/arm/v6", "linux/arm/v6"),
        ("linux/arm/v7 linux/arm/v5", "linux/arm/v6", "linux/arm/v5"),
        ("linux/arm64", "linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64/v8", "linux/arm64/v8"),
        ("unknown/unknown linux/amd64", "linux/amd64", "linux/amd64"),
        (" linux/amd64", "linux/amd64", "linux/amd64"),
        ("", "linux/amd64", ""),
    ],
)
def test_of_a_list_it_is_the_one_for_this_machine(
    offered: str, wanted: str, found: str
) -> None:
    entries = [entry(text) for text in offered.split(" ")]
    platform = Platform(*wanted.split("/"))

    assert manifests.for_machine(entries, platform).name == found


@pytest.mark.parametrize("offered", ["windows/amd64", "linux/amd64/v3", "linux/s390x"])
def test_if_there_is_none_the_error_says_what_there_is(offered: str) -> None:
    with pytest.raises(LookupError, match=f"linux/amd64 .*; there is {offered}"):
        manifests.for_machine([entry(offered)], Platform("linux", "amd64"))


def test_this_machine_has_the_name_that_go_gives_it() -> None:
    known = {"x86_64": "linux/amd64", "aarch64": "linux/arm64/v8"}
    processor = os.uname().machine

    assert str(manifests.machine()) == known.get(processor, str(manifests.machine()))
