"""What the image weighs, how long it takes, and what is in it."""

import shutil
from pathlib import Path

import pytest

from tests.image.conftest import NAME_AND_TAG, TOP, Image, build, output

MEGABYTES = 210  # beyond the base image
COLD = 180  # seconds, for the first build
WARM = 30  # seconds, after a notebook was edited
PARTS = (
    *("LICENSE", "README.md", "pyproject.toml", "requirements.lock"),
    *("Dockerfile", ".dockerignore", "Makefile"),
    *("cfslib", "notebooks", ".docker", ".lab"),
)


def test_it_is_small_and_soon_there(
    image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    base = image.inspect('index .Config.Labels "org.opencontainers.image.base.name"')
    if base not in output([image.engine, "images", "--format", NAME_AND_TAG]):
        output([image.engine, "pull", "--quiet", base])  # BuildKit keeps it to itself
    size = int(image.inspect(".Size")) - int(image.inspect(".Size", base))
    with capsys.disabled():
        print(f"\n{size / 1e6:.0f} MB beyond {base}, built in {image.took:.0f} s")

    assert size < MEGABYTES * 1e6
    assert image.took < COLD


def test_an_edited_notebook_is_one_new_layer(
    image: Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in PARTS:
        copy = shutil.copytree if (TOP / part).is_dir() else shutil.copy2
        copy(TOP / part, tmp_path / part)
    notebook = tmp_path / "notebooks/00-start-here.ipynb"
    notebook.write_text(notebook.read_text().replace("cells", "cells", 1) + "\n")
    took = build(image.engine, tmp_path, "cfs-test-edited")
    with capsys.disabled():
        print(f"\nafter editing a notebook: {took:.1f} s")
    before = image.inspect("json .RootFS.Layers").split(",")
    after = image.inspect("json .RootFS.Layers", "cfs-test-edited").split(",")

    changed = [old != new for old, new in zip(before, after, strict=True)]
    assert any(changed)
    assert not any(changed[:-2])  # what comes after it is an empty directory
    assert took < WARM


def test_its_user_is_ordinary_and_its_first_process_reaps(image: Image) -> None:
    done = image.run("sh", "-c", "id -un; id -u; cat /proc/1/comm")

    assert done.stdout.split() == ["learner", "1000", "tini"]


@pytest.mark.parametrize("tool", ["cc", "gcc", "g++", "ld", "as", "make", "git"])
def test_nothing_is_left_of_what_builds(image: Image, tool: str) -> None:
    assert image.run("sh", "-c", f"command -v {tool}").stdout == ""


def test_a_container_in_it_has_a_root_of_its_own(image: Image) -> None:
    inside = image.run("cfs", "run", "ls", "/").stdout.split()
    outside = image.run("ls", "/").stdout.split()

    assert "CONTAINER_ROOTFS" in inside
    assert "CONTAINER_ROOTFS" not in outside
    prompt = image.run("cfs", "run", "bash", "-ic", 'echo "$PS1"').stdout
    assert "(container)" in prompt
