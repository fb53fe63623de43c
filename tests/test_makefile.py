"""What the Makefile finds out about the machine it is on, and how it installs."""

import os
import runpy
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


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("/bin/bash", "activate"),
        ("/bin/zsh", "activate"),
        ("/bin/fish", "activate.fish"),
    ],
)
def test_setup_ends_with_a_line_that_is_right_for_the_shell(
    tmp_path: Path, shell: str, file: str
) -> None:
    shutil.copy(TOP / "Makefile", tmp_path)
    (tmp_path / ".venv").mkdir()
    for name in ("requirements.lock", "pyproject.toml"):  # the stamps are newer
        os.utime(_touched(tmp_path / name), (0, 0))
    for name in ("locked.stamp", "cfslib.stamp"):
        _touched(tmp_path / ".venv" / name)
    told = subprocess.run(
        ["make", "setup"],
        cwd=tmp_path,
        env=_as_typed() | {"SHELL": shell},
        capture_output=True,
        text=True,
    ).stdout

    assert told.endswith(f"source {tmp_path}/.venv/bin/{file}\n")


def _as_typed() -> dict[str, str]:
    """Return an environment in which no other make has started this one."""
    told = ("VENV", "PYTHON", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
    return {name: text for name, text in os.environ.items() if name not in told}


def _touched(path: Path) -> Path:
    path.touch()
    return path


LOCK = """\
one==1.0 ; python_full_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via two
two==2.0 \\
    --hash=sha256:bb
three==3.0 ; sys_platform == 'win32' \\
    --hash=sha256:cc
"""


def test_each_python_gets_what_the_lock_has_for_it() -> None:
    wanted = runpy.run_path(str(TOP / ".make/wheels.py"))["wanted"]
    two = "two==2.0 \\\n    --hash=sha256:bb\n"

    assert wanted(LOCK, "3.13.0") == two
    assert wanted(LOCK, "3.11.2").endswith(two)
    assert wanted(LOCK, "3.11.2").startswith("one==1.0 \\\n    --hash=sha256:aa")


def test_no_package_of_the_lock_is_overlooked() -> None:
    module = runpy.run_path(str(TOP / ".make/wheels.py"))
    lock = (TOP / "requirements.lock").read_text()
    found = "".join(module["wanted"](lock, python) for python in module["PYTHONS"])
    named = {
        line.split()[0] for line in lock.splitlines() if "==" in line.split(";")[0]
    }
    missing = named - set(found.split())

    assert {name.partition("==")[0] for name in missing} == {
        "appnope",
        "colorama",
        "pywinpty",  # for macOS and Windows alone
    }
