"""Whose the files of an image are, for an ordinary user."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from cfslib.children import answers
from cfslib.children.in_child import in_child
from cfslib.cli import failures, options, with_ids
from cfslib.images import host_tools, layout
from cfslib.images.store import Store
from cfslib.isolation import mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.runtime import run
from tests.conftest import needs_namespaces, needs_root
from tests.images.handmade import Layout, layer, packed
from tests.isolation.test_idmaps import (
    RANGE,
    SOMEBODY,
    as_somebody,
    etc_files,
    needs_newuidmap,
)

T = TypeVar("T")
HOME = Path("/mnt")  # of somebody
THEIRS = layer({"./": b"", "x": b"x"}, owner=(5, 6), mode=0o711)

pytestmark = [needs_root, needs_namespaces]


def at_home(func: Callable[[], T], tmp_path: Path, *, owned: bool) -> T:
    """Call `func` as an ordinary user with a home, in which is an image tool:1."""

    def move_in() -> T:
        syscalls.unshare(Namespace.MNT)
        mounts.keep_private()
        syscalls.mount("tmpfs", HOME, "tmpfs", options=f"mode=700,uid={SOMEBODY}")
        made = Layout(HOME / "made")
        host_tools.build(HOME / "tools", ["id", "sh", "stat"])
        made.image("tool:1", [packed(HOME / "tools"), THEIRS], Cmd=["stat"])
        for path in [HOME, *HOME.rglob("*")]:
            os.chown(path, SOMEBODY, SOMEBODY, follow_symlinks=False)
        os.environ |= {"HOME": str(HOME), "XDG_CACHE_HOME": f"{HOME}/cache"}
        os.environ["XDG_DATA_HOME"] = str(HOME)
        return as_somebody(func, tmp_path / "etc", **etc_files(owned))

    return in_child(move_in)


def load() -> str:
    """Load the image; return whose the owners are."""
    owners = with_ids.owners()

    def bring() -> str:
        with layout.opened(f"{HOME}/made") as source:
            (loaded,) = Store().load(source, owners=owners)
        return loaded.image.owners

    return with_ids.call(bring)


def shown(*words: str) -> str:
    done = run.capture(options.parse(["--image", "tool:1", *words]))
    return f"{done.stdout}{done.stderr}"


def come_and_go() -> tuple[str, str, int, str, str, list[str], list[str]]:
    """Load an image, run it as two users, remove it; return what was seen."""
    owners = load()
    tree = Store().find("tool:1").tree
    outside = with_ids.call(lambda: os.stat(f"{tree}/x").st_uid)
    real = os.stat(tree).st_uid
    inside = shown("stat", "-c", "%u:%g %a", "/x", "/")
    try:
        other = shown("--user", "5", "id", "-u")
    except PermissionError as error:
        other = str(error)
    again = load()
    there = Store()
    cleared = with_ids.call(lambda: there.remove(there.find("tool:1")))
    assert cleared
    left = sorted(os.listdir(there.trees._directory))
    seen = f"{outside} {real}"
    return owners, again, real, inside, other, [seen, *left], cleared.trees


@needs_newuidmap
def test_with_a_line_in_subuid_owners_are_real(tmp_path: Path) -> None:
    owners, again, real, inside, other, (seen, *left), trees = at_home(
        come_and_go, tmp_path, owned=True
    )

    assert owners == again == "real"
    assert real == RANGE.outside + 4
    assert seen == f"5 {real}"
    assert inside == "5:6 711\n5:6 711\n"
    assert other == "5\n"
    assert left == []
    assert len(trees) == 1


def test_without_one_they_are_recorded_and_all_files_are_ours(tmp_path: Path) -> None:
    owners, again, real, inside, other, (seen, *left), trees = at_home(
        come_and_go, tmp_path, owned=False
    )

    assert owners == again == "recorded"
    assert seen == f"0 {real}"
    assert real == SOMEBODY
    assert inside == "0:0 711\n0:0 711\n"
    assert "only one uid" in other
    assert left == []
    assert len(trees) == 1


@pytest.mark.parametrize("mode", [0o000, 0o111, 0o555])
def test_a_directory_that_is_closed_to_its_owner_comes_and_goes(
    mode: int, tmp_path: Path
) -> None:
    def func() -> list[str]:
        closed = layer({"d/": b"", "d/e/": b"", "d/e/f": b""}, mode=mode)
        more = layer({"d/e/g": b""}, mode=mode)
        made = Layout(HOME / "other")
        made.image("closed:1", [closed])
        made.image("more:1", [closed, more])

        owners = with_ids.owners()

        def bring() -> int:
            with layout.opened(f"{HOME}/other") as source:
                return len(Store().load(source, owners=owners))

        assert with_ids.call(bring) == 2
        there = Store()
        for name in ("closed:1", "more:1"):
            image = there.find(name)
            assert with_ids.call(partial(there.remove, image))
        return os.listdir(there.trees._directory)

    assert at_home(func, tmp_path, owned=False) == []


def test_an_error_from_a_child_is_said_as_one_from_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def wrong() -> None:
        raise ValueError("not like this")

    with pytest.raises(ValueError, match="not like this") as caught:
        in_child(wrong)
    code = failures.report(caught.value)

    assert answers.IN_A_CHILD == failures.FOR_PROGRAMMERS
    assert (code, capsys.readouterr().err) == (125, "cfs: not like this\n")
