"""What the Makefile finds out about the machine it is on."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.test_readme import TOP


@pytest.mark.parametrize(
    ("here", "used"),
    [
        (["docker"], "docker"),
        (["podman"], "podman"),
        (["docker", "podman"], "docker"),
        ([], "docker"),  # and the shell says that it is not found
    ],
)
def test_the_image_is_built_with_the_engine_that_is_here(
    tmp_path: Path, here: list[str], used: str
) -> None:
    for name in ("make", "id", "true"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    for name in here:
        (tmp_path / name).symlink_to("true")
    done = subprocess.run(
        ["make", "--dry-run", "build"],
        cwd=TOP,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert f" {used} build " in done.stdout, done.stderr
