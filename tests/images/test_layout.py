"""Images in directories and archives, as tools leave them, and worse."""

import gzip
import io
import json
import os
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cfslib.images import layout
from cfslib.images.compression import BadDigest
from cfslib.images.documents import BadDocument
from cfslib.images.headers import BadArchive
from cfslib.images.tar_index import TarIndex
from tests.images.trees import archive, file, hard_link, names, symlink
from tests.images.trees import layout as layout_of
from tests.images.unpacking import unpack_at

BASE, TOP = archive(file("a", b"1")), archive(file("b", b"2"))


def config(*layers: bytes) -> bytes:
    diff_ids = [f"sha256:{sha256(each).hexdigest()}" for each in layers]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    empty = {"Env": None, "Cmd": None, "Labels": None}
    return json.dumps({"os": "linux", "config": empty, "rootfs": rootfs}).encode()


def saved(path: Path, *entries: Any, **image: Any) -> Path:
    """Write an archive as `docker save` does."""
    manifest = json.dumps([{"Config": "c.json", "RepoTags": None, **image}])
    path.write_bytes(archive(*entries, file("manifest.json", manifest.encode())))
    return path


def all_names(path: Path) -> list["str | None"]:
    with layout.opened(str(path)) as source:
        return [each.name for each in source.manifests()]


def test_a_name_is_the_full_one_where_there_is_one(tmp_path: Path) -> None:
    place = layout_of(tmp_path / "image", BASE)
    index = json.loads((place / "index.json").read_text())
    annotations = index["manifests"][0]["annotations"]

    assert all_names(place) == ["test"]
    annotations["io.containerd.image.name"] = "docker.io/library/test:1"
    (place / "index.json").write_text(json.dumps(index))
    with layout.opened(str(place)) as source:
        assert [each.name for each in source.manifests()] == [
            "docker.io/library/test:1"
        ]


def test_annotations_may_be_missing_or_null(tmp_path: Path) -> None:
    place = layout_of(tmp_path / "image", BASE)
    index = json.loads((place / "index.json").read_text())
    index["manifests"][0]["annotations"] = None
    (place / "index.json").write_text(json.dumps(index))

    assert all_names(place) == [None]


@pytest.mark.parametrize("packed", [False, True])
def test_how_a_layer_is_packed_is_seen_from_its_bytes(
    tmp_path: Path, packed: bool
) -> None:
    place = layout_of(tmp_path / "image", BASE, packed=packed)

    unpack_at(place, tmp_path / "tree")

    assert names(tmp_path / "tree") == {"a"}


def test_a_blob_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    place = layout_of(tmp_path / "image", BASE, packed=False)
    blob = place / "blobs/sha256" / sha256(BASE).hexdigest()
    blob.write_bytes(TOP)

    with pytest.raises(BadDigest, match="should be sha256:"):
        unpack_at(place, tmp_path / "tree")


@pytest.mark.parametrize(
    "digest",
    ["sha256:../../../etc/passwd", "sha256:AB", "md5:00", "", f"sha512:{'0' * 128}"],
)
def test_a_digest_that_is_none_is_refused(tmp_path: Path, digest: str) -> None:
    place = layout_of(tmp_path / "image", BASE)

    with layout.opened(str(place)) as source, pytest.raises(BadDocument):
        source.blob(digest)


@pytest.mark.parametrize(
    "index",
    [
        {"manifests": 1},
        {"manifests": [1]},
        {"manifests": [{}]},
        {"manifests": [{"digest": 5, "size": 1}]},
        {"manifests": [{"digest": f"sha256:{'0' * 64}", "size": -1}]},
        {"manifests": [{"digest": f"sha256:{'0' * 64}", "size": "1"}]},
        [],
    ],
)
def test_an_index_that_makes_no_sense_is_refused(tmp_path: Path, index: object) -> None:
    place = layout_of(tmp_path / "image", BASE)
    (place / "index.json").write_text(json.dumps(index))

    with layout.opened(str(place)) as source, pytest.raises(BadDocument, match="index"):
        source.manifests()


def test_what_is_no_image_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text" * 1000)
    (tmp_path / "tar").write_bytes(archive(file("a")))
    (tmp_path / "empty").touch()

    for name in ("text", "tar", "empty"):
        with (
            pytest.raises(BadArchive, match=name),
            layout.opened(str(tmp_path / name)),
        ):
            pass


def test_a_directory_that_is_no_layout_is_said(tmp_path: Path) -> None:
    with (
        layout.opened(str(tmp_path)) as source,
        pytest.raises(BadArchive, match="no image layout"),
    ):
        source.manifests()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_archive_of_a_layout_may_be_packed(tmp_path: Path, pack: Any) -> None:
    place = layout_of(tmp_path / "image", BASE, TOP)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as writer:
        writer.add(place, ".")
    (tmp_path / "image.tar").write_bytes(pack(stream.getvalue()))

    assert unpack_at(tmp_path / "image.tar", tmp_path / "tree") == "test"
    assert names(tmp_path / "tree") == {"a", "b"}


# The archives of docker.


def test_layers_may_be_links_and_the_same_path_twice(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "saved",
        file("x.tar", BASE),
        symlink("1/layer.tar", "../x.tar"),
        hard_link("y.tar", "x.tar"),
        file("c.json", config(BASE, BASE, BASE)),
        Layers=["1/layer.tar", "1/layer.tar", "y.tar"],
    )

    assert unpack_at(path, tmp_path / "tree") == ""
    assert names(tmp_path / "tree") == {"a"}


def test_layers_of_docker_may_be_packed(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "saved",
        file("l", gzip.compress(BASE)),
        file("c.json", config(BASE)),
        Layers=["l"],
        RepoTags=["x:1", "y:2"],
    )

    assert all_names(path) == ["x:1", "y:2"]
    unpack_at(path, tmp_path / "tree")


@pytest.mark.parametrize(
    ("entry", "image"),
    [
        (symlink("l", "/etc/passwd"), {}),
        (symlink("l", "../../etc/passwd"), {}),
        (symlink("l", "l"), {}),
        (file("l", BASE), {"Config": "../c.json"}),
        (file("l", BASE), {"Layers": ["l", "l"]}),
        (file("l", BASE), {"Layers": "l"}),
    ],
)
def test_an_archive_that_leads_out_or_nowhere_is_refused(
    tmp_path: Path, entry: Any, image: dict[str, Any]
) -> None:
    parts = {"Layers": ["l"], **image}
    path = saved(tmp_path / "saved", entry, file("c.json", config(BASE)), **parts)

    with (
        layout.opened(str(path)) as source,
        pytest.raises((BadArchive, FileNotFoundError)),
    ):
        source.manifests()


def test_a_layer_that_is_not_that_of_the_config_is_refused(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "saved",
        file("l", TOP),
        file("c.json", config(BASE)),
        Layers=["l"],
    )

    with pytest.raises(BadDigest):
        unpack_at(path, tmp_path / "tree")


def test_an_archive_with_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cfslib.images.tar_index._ENTRIES", 10)
    (tmp_path / "a").write_bytes(archive(*(file(str(n)) for n in range(20))))

    with (
        (tmp_path / "a").open("rb") as stream,
        pytest.raises(BadArchive, match="more than 10"),
    ):
        TarIndex(stream, "a")


def test_an_archive_with_too_long_names_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cfslib.images.tar_index._NAMES", 10)
    (tmp_path / "a").write_bytes(archive(*(file(str(n)) for n in range(20))))

    with (
        (tmp_path / "a").open("rb") as stream,
        pytest.raises(BadArchive, match="names of more than 10"),
    ):
        TarIndex(stream, "a")


# What we write.


def test_the_same_image_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    place = layout_of(tmp_path / "image", BASE, TOP)
    for name in ("1", "2"):
        write(place, tmp_path / name, "docker")

    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_nothing_is_left_of_an_archive_that_cannot_be_written(
    tmp_path: Path, kind: str
) -> None:
    place = layout_of(tmp_path / "image", BASE)
    for blob in (place / "blobs/sha256").iterdir():
        if blob.read_bytes().startswith(b"\x1f\x8b"):
            os.truncate(blob, 5)

    with pytest.raises(ValueError, match="size"):
        write(place, tmp_path / "x", kind)
    assert not (tmp_path / "x").exists()


def write(place: Path, path: Path, kind: str) -> None:
    with layout.opened(str(place)) as source:
        named = source.manifests()
        if kind == "oci":
            layout.write_oci(str(path), named, source.blob, archive=True)
        else:
            layout.write_docker(str(path), named, source.blob)
