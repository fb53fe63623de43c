import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cfslib.cli import launcher
from tests.conftest import ROOT, SLOWNESS, needs_namespaces

HOSTILE = "import sys; sys.stderr.write('a .pth file was here')\n"


@pytest.fixture
def cfs(tmp_path: Path) -> Path:
    assert launcher.write(tmp_path / "cfs")
    return tmp_path / "cfs"


def output(words: list[str | Path], **environ: str) -> str:
    return subprocess.check_output(
        words, text=True, stderr=subprocess.STDOUT, env=os.environ | environ
    )


def test_what_it_writes_is_the_command(cfs: Path) -> None:
    assert output([cfs, "--version"]).startswith("cfs ")


def test_it_works_from_everywhere(cfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")

    assert output([cfs, "--version"]).startswith("cfs ")


def test_a_module_in_the_current_directory_is_not_imported(
    cfs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "marshal.py").write_text(HOSTILE)
    (tmp_path / "cfslib.py").write_text(HOSTILE)
    (tmp_path / "argparse.py").write_text(HOSTILE)
    monkeypatch.chdir(tmp_path)

    assert output([cfs, "--help"], PYTHONPATH=str(tmp_path)).startswith("usage: cfs ")


def test_a_pth_file_is_not_executed(cfs: Path, tmp_path: Path) -> None:
    version = "python{}.{}".format(*sys.version_info)
    packages = tmp_path / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (packages / "hostile.pth").write_text(HOSTILE)
    base = {"PYTHONUSERBASE": str(tmp_path)}

    usual = output([os.path.realpath(sys.executable), "-c", ""], **base)
    assert usual == "a .pth file was here"
    assert output([cfs, "--version"], **base).startswith("cfs ")


def test_too_little_memory_is_no_traceback(cfs: Path) -> None:
    codes = set()
    for words in ("--help", "run --help", "ns"):
        output([cfs, *words.split()])  # to compile takes more memory
        for megabytes in range(8, 20):
            try:
                done = with_limit("-v", megabytes << 10, [cfs, *words.split()])
            except subprocess.TimeoutExpired:
                continue  # CPython 3.11 itself: on its way to `except` it takes memory
            if "Fatal Python error" in done.stderr or done.returncode == 127:
                continue  # it has not come to us yet
            codes.add(done.returncode)
            assert "Traceback" not in done.stderr
            assert "mistake" not in done.stderr
            assert (done.returncode == 0) != ("  Hint: " in done.stderr)

    assert codes == {0, 125}


@needs_namespaces
@pytest.mark.parametrize(("limit", "size"), [("-f", 0), ("-n", 4)])
def test_a_limit_that_is_too_low_is_named(
    limit: str, size: int, cfs: Path, tmp_path: Path
) -> None:
    run, build = ["run", "true"], ["rootfs", "build", str(tmp_path / "root"), "sh"]
    # A user who may make no cgroups writes no file for a container.
    for commands in [run, build] if ROOT or limit == "-n" else [build]:
        done = with_limit(limit, size, [cfs, *commands])
        text = done.stderr.splitlines()

        assert done.returncode == 125
        assert len(text) == 2
        assert re.search("[a-z]{3}", text[0].removeprefix("cfs: "))
        assert f"`ulimit {limit}`" in text[1]


def with_limit(
    limit: str, size: int, words: list[str | Path]
) -> subprocess.CompletedProcess[str]:
    """Run a command under a limit, which a shell sets: our own memory is beyond it."""
    shell = ["sh", "-c", 'ulimit "$0" "$1"; shift; exec "$@"', limit, str(size)]
    return subprocess.run(
        [*shell, *words], capture_output=True, text=True, timeout=5 * SLOWNESS
    )


def test_it_replaces_what_is_there_in_one_step(cfs: Path) -> None:
    with cfs.open() as before:
        assert launcher.write(cfs)

        assert before.read() == cfs.read_text()  # who was reading it goes on
    assert cfs.stat().st_mode & 0o777 == 0o755
    assert os.listdir(cfs.parent) == ["cfs"]


@pytest.mark.parametrize("name", ["with a blank/python", "x" * 120 + "/python"])
def test_a_python_that_no_first_line_can_name_leaves_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / name))
    (tmp_path / "cfs").write_text("what pip wrote")

    assert not launcher.write(tmp_path / "cfs")
    assert (tmp_path / "cfs").read_text() == "what pip wrote"
