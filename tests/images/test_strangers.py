"""The cache of a user, and what others could do to it or read in it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import cache
from cfslib.runtime.spec import Spec, Volume
from tests import ways
from tests.conftest import needs_namespaces, needs_root

pytestmark = [pytest.mark.long, needs_namespaces]
OTHER = 4242  # the id of somebody else

Plant = Callable[[Path, Path], object]  # takes somebody's home, and files of root's
PLANTED: dict[str, Plant] = {
    "nothing": lambda home, precious: None,
    "a cache": lambda home, precious: cache.current(home / ".cache/cfs"),
    "a link at .cache": lambda home, precious: _link(precious, home / ".cache"),
    "a link at cfs": lambda home, precious: _link(precious, home / ".cache/cfs"),
    **{
        f"a link at {name}": lambda home, precious, name=name: _link(  # type: ignore[misc]
            precious / "file", home / ".cache/cfs" / name
        )
        for name in ("notes", "notes-0", "notes.new", "notes-0.new", "lock")
    },
}


def _link(target: Path, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


@needs_root
@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME"])
@pytest.mark.parametrize("planted", PLANTED)
def test_root_touches_nothing_by_way_of_somebody_elses_home(
    tmp_path: Path, planted: str, variable: str
) -> None:
    home, precious = tmp_path / "home", tmp_path / "precious"
    (precious / "cfs/rootfs-1/bin").mkdir(parents=True)
    (precious / "rootfs-2").mkdir()
    (precious / "file").write_text("precious")
    home.mkdir()
    PLANTED[planted](home, precious)
    for place in (home, *home.rglob("*")):
        os.lchown(place, OTHER, OTHER)
    before = _seen(tmp_path)
    place = home / ".cache" if variable == "XDG_CACHE_HOME" else home
    env = {"PATH": os.environ["PATH"], "HOME": "/root", variable: str(place)}
    words = [str(ways.CFS), "run", "true"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=20)

    assert _seen(tmp_path) == before
    assert done.returncode == ways.REFUSED
    cause, hint = done.stderr.splitlines()
    assert cause.startswith(f"cfs: {home}/.cache/cfs is not used: {home}")
    assert cause.endswith(f" belongs to user {OTHER}")
    assert hint == "  Hint: set HOME or XDG_CACHE_HOME to a directory of yours."


def _seen(directory: Path) -> list[tuple[str, int, int, int]]:
    places = [directory, *sorted(directory.rglob("*"))]
    status = {str(place): place.lstat() for place in places}
    return [(path, s.st_ino, s.st_mode, s.st_ctime_ns) for path, s in status.items()]


@pytest.mark.parametrize("way", ways.WAYS)
def test_no_secret_of_a_container_is_kept(way: str, tmp_path: Path) -> None:
    secret = "TheGoldIsBelowTheOak"
    spec = Spec(["sh", "-c", 'test "$TREASURE"'], env={"TREASURE": secret})
    variables = ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "TMPDIR")
    homes = {name: tmp_path / name for name in variables}

    def move() -> None:
        for name, place in homes.items():
            place.mkdir(exist_ok=True)
            os.environ[name] = str(place)

    def start() -> int:
        move()
        return ways.start(way, spec).code

    assert in_child(start) == 0
    kept = [place for place in tmp_path.rglob("*") if place.is_file()]
    assert kept  # a rootfs, at least
    for place in kept:
        assert secret.encode() not in place.read_bytes(), place


@pytest.mark.parametrize("umask", [0, 0o027, 0o077])
def test_a_container_is_the_same_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    def listing(umask: int, home: Path) -> list[str]:
        os.environ["XDG_CACHE_HOME"] = str(home)
        os.umask(umask)
        find = "find / ( -path /proc -o -path /sys ) -prune -o -printf %M\\040%p\\n"
        volumes = [Volume(str(empty), "/made/for/it")]
        spec = Spec(find.split(" "), workdir="/var/tmp", volumes=volumes)
        done = ways.start("command", spec)
        assert (done.code, done.stderr) == (0, "")
        return sorted(done.stdout.splitlines())

    empty = tmp_path / "empty"
    empty.mkdir()
    usual = in_child(lambda: listing(0o022, tmp_path / "usual"))
    ours = in_child(lambda: listing(umask, tmp_path / "ours"))

    assert ours == usual
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "ours").rglob("cfs")]
    assert modes == [0o700]
