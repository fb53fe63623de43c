import json
import os
from typing import Any

import pytest

from cfslib.images import manifests
from cfslib.images.descriptor import Descriptor
from cfslib.images.manifests import Manifest, Platform

pytestmark = pytest.mark.alike

DIGEST = f"sha256:{'a' * 64}"
PART = {"mediaType": "x", "digest": DIGEST, "size": 3}


def read(**top: Any) -> object:
    return manifests.read(json.dumps({"schemaVersion": 2} | top).encode())


def entry(text: str) -> Descriptor:
    names = ("os", "architecture", "variant")
    platform = dict(zip(names, text.split("/"), strict=False)) if text else {}
    return Descriptor(text, DIGEST, 1, {}, platform)


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
    assert [one.platform for one in found] == [platform]


@pytest.mark.parametrize(
    ("top", "why"),
    [
        ({"schemaVersion": 1}, "schemaVersion is not 2"),
        ({"schemaVersion": None}, "schemaVersion is not 2"),
        ({}, "layers or manifests"),
        ({"config": PART}, "layers or manifests"),
        ({"layers": []}, "a descriptor is not an object"),
        ({"config": PART, "layers": [], "manifests": []}, "layers or manifests"),
        ({"config": PART, "layers": [1]}, "a descriptor is not an object"),
        ({"config": PART, "layers": [PART] * 1001}, "more than 1000 layers"),
        ({"config": PART | {"digest": "sha256:../../x"}, "layers": []}, "no digest"),
        ({"config": PART | {"digest": "sha512:aa"}, "layers": []}, "no digest"),
        ({"config": PART | {"size": -1}, "layers": []}, "has the size -1"),
        ({"config": PART | {"size": 1e3}, "layers": []}, "size should be int"),
        (
            {"config": PART | {"size": 1 << 70}, "layers": []},
            "has the size 1180591620717411303424",
        ),
        ({"manifests": [{"size": 1}]}, "no digest"),
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

    assert manifests.for_machine(entries, platform).media_type == found


@pytest.mark.parametrize("offered", ["windows/amd64", "linux/amd64/v3", "linux/s390x"])
def test_if_there_is_none_the_error_says_what_there_is(offered: str) -> None:
    with pytest.raises(LookupError, match=f"linux/amd64 .*; there is {offered}"):
        manifests.for_machine([entry(offered)], Platform("linux", "amd64"))


def test_this_machine_has_the_name_that_go_gives_it() -> None:
    known = {"x86_64": "linux/amd64", "aarch64": "linux/arm64/v8"}
    processor = os.uname().machine

    assert str(manifests.machine()) == known.get(processor, str(manifests.machine()))
