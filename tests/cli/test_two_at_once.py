"""Two commands at once, and what is taken away while somebody uses it."""

import os
import signal
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import pytest

from tests.conftest import needs_namespaces, wait_until
from tests.images.handmade import Layout, packed
from tests.life import CFS, Life, life

pytestmark = [needs_namespaces, pytest.mark.long]


@pytest.fixture
def lives(
    tmp_path: Path, rootfs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[Life]:
    """Return containers, and have a store of our own and an image to load."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    Layout(tmp_path / "made").image("tool:1", [packed(rootfs_dir)])
    with life() as found:
        yield found


def at_once(lives: Life, number: int, *words: object) -> list[tuple[int, str]]:
    """Run a command several times at once; return exit codes and complaints."""
    line = [*CFS, *map(str, words)]
    started = [
        Popen(
            line, env=lives.env, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, text=True
        )
        for _ in range(number)
    ]
    said = [one.communicate(timeout=120)[1] for one in started]
    return [(one.returncode, text) for one, text in zip(started, said, strict=True)]


def test_an_image_that_is_loaded_twice_at_once_is_there(
    lives: Life, tmp_path: Path
) -> None:
    codes = [code for code, _ in at_once(lives, 3, "image", "load", tmp_path / "made")]

    assert codes == [0, 0, 0]
    assert not [*tmp_path.glob("data/**/*.part")]
    lives.did("run", "--image", "tool:1", "true")


def test_a_name_is_given_to_one_of_those_who_want_it_at_once(lives: Life) -> None:
    done = at_once(lives, 3, "run", "-d", "--name", "same", "sleep", 100)

    assert sorted(code for code, _ in done) == [0, 125, 125]
    assert [text for code, text in done if code and "same is taken" not in text] == []
    assert len(lives.every()) == 1


def test_an_image_is_removed_while_it_runs_and_goes_later(
    lives: Life, tmp_path: Path
) -> None:
    lives.cfs("image", "load", tmp_path / "made")
    lives.start("--name", "runs", "--image", "tool:1", "sleep", 100)
    refused = lives.cfs("image", "rm", "tool:1")
    forced = lives.cfs("image", "rm", "-f", "tool:1")

    assert "tool:1 is in use by a container" in refused.stderr
    assert forced.returncode == 0
    assert "true" in lives.did("exec", "runs", "ls", "/bin")
    lives.did("rm", "-f", "runs")
    assert wait_until(lambda: not lives.cfs("image", "prune").stderr)
    assert not [*tmp_path.glob("data/cfs/trees/*")]


def test_what_is_pruned_while_an_image_is_built_is_nothing_of_it(
    lives: Life, tmp_path: Path
) -> None:
    lives.cfs("image", "load", tmp_path / "made")
    text = "FROM tool:1\n" + "RUN sleep .2; cat /bin/true >/{}\n" * 3
    (tmp_path / "Dockerfile").write_text(text.format(1, 2, 3))
    line = [*CFS, "image", "build", "-t", "built", str(tmp_path)]
    with Popen(line, env=lives.env, stdout=DEVNULL, stderr=PIPE) as build:
        while build.poll() is None:
            lives.cfs("image", "prune")
            time.sleep(0.05)
        assert build.stderr
        said = build.stderr.read()

    assert build.returncode == 0, said
    assert lives.did("run", "--image", "built", "ls", "/").split()[:3] == [
        "1",
        "2",
        "3",
    ]


def test_built_and_killed_at_any_moment_prune_leaves_nothing_half(
    lives: Life, tmp_path: Path
) -> None:
    lives.cfs("image", "load", tmp_path / "made")
    (tmp_path / "Dockerfile").write_text("FROM tool:1\nRUN sleep .2; ls >/x\n")
    line = [*CFS, "image", "build", "-t", "built", str(tmp_path)]
    for wait in (0.2, 0.5, 0.8):
        with Popen(line, env=lives.env, stdout=DEVNULL, stderr=DEVNULL) as build:
            time.sleep(wait)
            os.kill(build.pid, signal.SIGKILL)
    done = subprocess.run([*CFS, "image", "prune"], env=lives.env, check=False)

    assert done.returncode == 0
    assert not [*tmp_path.glob("data/cfs/builds/*"), *tmp_path.glob("data/**/*.part")]
