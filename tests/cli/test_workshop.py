"""`cfs workshop DIR`: a copy of one's own, and JupyterLab on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cfslib.lessons import handout
from tests.cli.test_commands import cfs

FAKE = """#!/bin/sh
printf '%s\\n' "$@"
echo "PATH=$PATH"
"""


@pytest.fixture
def lab(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a JupyterLab that only says what it was told."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "jupyter-lab").write_text(FAKE)
    (place / "jupyter-lab").chmod(0o755)
    return os.environ | {"PATH": f"{place}:/usr/bin:/bin"}


def test_a_copy_alone_opens_nothing(tmp_path: Path) -> None:
    done = cfs("workshop", "--copy-only", "work", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "cfs workshop work" in done.stdout
    assert (tmp_path / "work" / handout.FIRST).exists()
    assert (tmp_path / "work/images").is_dir()
    assert not (tmp_path / "work/instructor.md").exists()


def test_jupyterlab_opens_the_first_chapter_where_we_are(
    tmp_path: Path, lab: dict[str, str]
) -> None:
    done = cfs("workshop", "work", "--", "--port=1", cwd=tmp_path, env=lab)

    assert f"--ServerApp.root_dir={tmp_path}" in done.stdout.splitlines()
    assert "--LabApp.default_url=/lab/tree/work/00-start-here.ipynb" in done.stdout
    assert "--port=1" in done.stdout.splitlines()
    assert ("--allow-root" in done.stdout) == (os.geteuid() == 0)
    assert f"PATH={tmp_path}/bin:" in done.stdout


def test_elsewhere_the_copy_is_all_that_it_shows(
    tmp_path: Path, lab: dict[str, str]
) -> None:
    (tmp_path / "here").mkdir()
    place = tmp_path / "work"
    done = cfs("workshop", place, cwd=tmp_path / "here", env=lab)

    assert f"--ServerApp.root_dir={place}" in done.stdout.splitlines()
    assert "--LabApp.default_url=/lab/tree/00-start-here.ipynb" in done.stdout


def test_without_jupyterlab_the_copy_is_there_and_one_line_says_why(
    tmp_path: Path,
) -> None:
    done = cfs("workshop", "work", cwd=tmp_path, env=os.environ | {"PATH": "/nowhere"})

    assert done.returncode == 125
    assert done.stderr.startswith("cfs: there is no jupyter-lab beside cfs\n")
    assert "pip install 'cfslib[notebooks]'" in done.stderr
    assert (tmp_path / "work" / handout.FIRST).exists()


def test_who_changed_a_copy_is_told_that_there_is_a_newer_one(tmp_path: Path) -> None:
    cfs("workshop", "--copy-only", "work", cwd=tmp_path)
    listed = tmp_path / "work" / handout.LIST
    listed.write_text(listed.read_text().replace('"02-pid": "', '"02-pid": "0'))

    done = cfs("workshop", "--copy-only", "work", cwd=tmp_path)

    assert "work/02-pid.ipynb was changed, so it stays" in done.stderr


def test_a_package_that_was_installed_brings_the_notebooks(tmp_path: Path) -> None:
    where = Path(__file__).parents[2]
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w"]
    words = ["-m", *build, str(tmp_path), str(where)]
    subprocess.run([sys.executable, *words], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, tmp_path / "site"])
    code = "from cfslib.lessons import handout; print(handout.originals())"
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said.strip() == str(tmp_path / "site/cfslib/notebooks")
