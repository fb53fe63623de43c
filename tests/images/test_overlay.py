"""What the kernel's overlay shows of layers, and what an overlay has as a layer."""

import io
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cfslib.children.in_child import in_child
from cfslib.images import layers, removal
from cfslib.images.diff import CannotDiff, diff
from cfslib.images.headers import BadArchive
from cfslib.images.tar import Entry, Kind, entries
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.conftest import ROOT, needs_root, needs_user_namespaces, own_world
from tests.images.peers import needs
from tests.images.trees import (
    apply,
    archive,
    differences,
    directory,
    file,
    layout,
    opaque,
    symlink,
    whiteout,
)

OWNERS, PREFIX = ("real", "trusted") if ROOT else ("recorded", "user")


def in_overlays(place: Path, func: Callable[[], object]) -> object:
    """Call a function where overlays can be mounted: on a tmpfs, at a place."""

    def child() -> object:
        own_world(Namespace.MNT)
        syscalls.mount("tmpfs", str(place), "tmpfs", 0, "mode=755")
        return func()

    return in_child(child)


Story = list["Entry | tuple[Entry, bytes]"]


def as_lower(place: Path, story: Story) -> Path:
    """Unpack a layer by itself, whiteouts as overlay has them."""
    place.mkdir()
    marks = [each[0].name for each in story if isinstance(each, tuple)]
    marks = [name for name in marks if "/.wh." in f"/{name}"]
    plain = archive(*(each for each in story if not _is_mark(each)))
    apply(place, plain, owners=OWNERS)
    for name in marks:
        where, _, last = name.rpartition("/")
        before = (place / where).stat()
        if last == ".wh..wh..opq":
            os.setxattr(place / where, f"{PREFIX}.overlay.opaque", b"y")
        else:
            hidden = place / where / last.removeprefix(".wh.")
            os.mknod(hidden, stat.S_IFCHR, 0)
        os.utime(place / where, ns=(before.st_atime_ns, before.st_mtime_ns))
    return place


def _is_mark(each: "Entry | tuple[Entry, bytes]") -> bool:
    return isinstance(each, tuple) and "/.wh." in f"/{each[0].name}"


def mounted(place: Path, lower: list[Path], upper: Path | None = None) -> Path:
    """Mount an overlay of directories, the lowest first."""
    place.mkdir()
    options = f"lowerdir={':'.join(map(str, reversed(lower)))}"
    if upper:
        for each in (upper, upper.with_name("work")):
            each.mkdir(exist_ok=True)
        options += f",upperdir={upper},workdir={upper.with_name('work')}"
    if not ROOT:
        options += ",userxattr"
    syscalls.mount("overlay", str(place), "overlay", 0, options)
    return place


# Trees of few names, so that layers meet: what was a file becomes a directory.

NAMES = st.sampled_from("abc")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
MODES = st.sampled_from([0o755, 0o700, 0o1777])
OWNER = st.sampled_from([0, 7]) if ROOT else st.just(0)


@st.composite
def stories(draw: st.DrawFn, links: bool) -> Story:
    """Return a layer as a walk through an upper directory would write it."""
    found: dict[str, Entry | tuple[Entry, bytes]] = {}

    def fill(where: str, depth: int) -> None:
        mode, uid = draw(MODES), draw(OWNER)
        found[where] = directory(where or "./", mode, uid=uid, mtime=10**9)
        if where and draw(st.integers(0, 4)) == 0:
            found[f"{where}/.wh..wh..opq"] = opaque(where)
        for name in "abc":
            place = f"{where}/{name}" if where else name
            kind = draw(st.sampled_from(KINDS_BELOW if depth else KINDS_DEEPEST))
            if kind == "directory":
                fill(place, depth - 1)
            elif kind == "whiteout":
                found[place] = whiteout(place)
            elif kind == "file":
                data = draw(st.binary(max_size=3))
                found[place] = file(place, data, uid=draw(OWNER), mtime=5)
            elif kind == "symlink":
                found[place] = symlink(place, draw(PATHS), mtime=6)
            elif kind == "hard link" and links:
                each = draw(st.sampled_from([*found.values()]))
                if isinstance(each, tuple) and not _is_mark(each):
                    link = replace(each[0], kind=Kind.HARD_LINK, size=0)
                    found[place] = replace(link, name=place, link=each[0].name)

    fill("", 2)
    return [*found.values()]


KINDS_DEEPEST = ["nothing", "file", "symlink", "whiteout", "hard link"]
KINDS_BELOW = [*KINDS_DEEPEST, "directory", "directory", "directory"]
ACTIONS = st.sampled_from(
    [
        "write",
        "append",
        "unlink",
        "rmtree",
        "mkdir",
        "chmod",
        "symlink",
        "link",
        "rename",
    ]
)
MANY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@needs_user_namespaces
@MANY
@given(st.lists(stories(links=True), min_size=1, max_size=4))
def test_a_tree_is_what_overlay_shows_of_the_layers(
    tmp_path: Path, told: list[Story]
) -> None:
    def compared() -> list[str]:
        tree = tmp_path / "tree"
        apply(tree, *(archive(*story) for story in told), owners=OWNERS)
        lower = [as_lower(tmp_path / str(n), story) for n, story in enumerate(told)]
        (tmp_path / "empty").mkdir()
        view = mounted(tmp_path / "view", [tmp_path / "empty", *lower])
        return differences(tree, view, without=["same as"])

    assert in_overlays(tmp_path, compared) == []


@needs("umoci")
@settings(MANY, max_examples=15)
@given(st.lists(stories(links=True), min_size=1, max_size=3))
def test_a_tree_is_what_umoci_unpacks(tmp_path: Path, told: list[Story]) -> None:
    for name in ("image", "umoci", "tree"):
        removal.remove_tree(str(tmp_path / name))
    image = layout(tmp_path / "image", *(archive(*story) for story in told))
    rootless = [] if ROOT else ["--rootless"]
    bundle = str(tmp_path / "umoci")
    argv = ["umoci", "unpack", *rootless, "--image", f"{image}:test", bundle]
    done = subprocess.run(argv, capture_output=True, text=True)
    assume(done.returncode == 0)  # it fails where a file gives way to a directory

    apply(tmp_path / "tree", *(archive(*story) for story in told), owners=OWNERS)

    assert differences(tmp_path / "tree", tmp_path / "umoci/rootfs") == []


@needs_user_namespaces
@MANY
@given(stories(links=False), st.lists(st.tuples(ACTIONS, PATHS, PATHS), max_size=12))
def test_diff_of_an_overlay_applied_below_gives_what_it_shows(
    tmp_path: Path, below: Story, changes: list[tuple[str, str, str]]
) -> None:
    def compared() -> list[str]:
        lower = tmp_path / "lower"
        apply(lower, archive(*below), owners=OWNERS)
        upper = tmp_path / "upper"
        upper.mkdir()
        shutil.copystat(lower, upper)
        os.chown(upper, lower.stat().st_uid, lower.stat().st_gid)
        view = mounted(tmp_path / "view", [lower], upper)
        for change in changes:
            _change(view, *change)
        found = []
        for known in (str(lower), None):
            story = io.BytesIO()
            diff(str(upper), story, lower=known)
            tree = tmp_path / f"tree{bool(known)}"
            layers.copy_linked(str(lower), str(tree))
            apply(tree, story.getvalue(), owners=OWNERS)
            found += differences(tree, view, without=["same as"])
        return found

    assert in_overlays(tmp_path, compared) == []


def _change(view: Path, action: str, name: str, other: str) -> None:
    """Do something in an overlay, if it can be done there."""
    path = view / name
    actions: dict[str, Callable[[], object]] = {
        "write": lambda: path.write_text("new"),
        "append": lambda: path.open("a").write("more") if path.exists() else None,
        "unlink": path.unlink,
        "rmtree": lambda: shutil.rmtree(path),
        "mkdir": path.mkdir,
        "chmod": lambda: path.chmod(0o711),
        "symlink": lambda: path.symlink_to(other),
        "link": lambda: os.link(view / other, path, follow_symlinks=False),
        "rename": lambda: path.rename(view / other),
    }
    try:
        actions[action]()
    except OSError:
        pass


# Rules of diff.


def _listed(upper: Path, lower: Path | None = None) -> list[str]:
    out = io.BytesIO()
    diff(str(upper), out, lower=str(lower) if lower else None)
    return [entry.name for entry in entries(io.BytesIO(out.getvalue()))]


@needs_root
def test_whiteouts_of_what_is_not_below_are_left_out(tmp_path: Path) -> None:
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    for name in ("a", "b"):
        upper.mkdir(exist_ok=True)
        os.mknod(upper / name, stat.S_IFCHR, 0)
    lower.mkdir()
    (lower / "a").touch()

    assert _listed(upper, lower) == ["./", ".wh.a"]
    assert _listed(upper) == ["./", ".wh.a", ".wh.b"]


def test_a_whiteout_may_be_an_attribute(tmp_path: Path) -> None:
    (tmp_path / "gone").touch()
    os.setxattr(tmp_path / "gone", "user.overlay.whiteout", b"y")

    assert _listed(tmp_path) == ["./", ".wh.gone"]


def test_an_opaque_directory_is_told_and_overlays_own_words_are_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "d").mkdir()
    for name in ("opaque", "origin", "impure"):
        os.setxattr(tmp_path / "d", f"user.overlay.{name}", b"y")
    out = io.BytesIO()

    diff(str(tmp_path), out)

    found = list(entries(io.BytesIO(out.getvalue())))
    assert [entry.name for entry in found] == ["./", "d/", "d/.wh..wh..opq"]
    assert not any(entry.xattrs for entry in found)


@pytest.mark.parametrize("name", ["redirect", "metacopy"])
def test_half_of_a_file_is_no_layer(tmp_path: Path, name: str) -> None:
    (tmp_path / "d").mkdir()
    os.setxattr(tmp_path / "d", f"user.overlay.{name}", b"/x")

    with pytest.raises(CannotDiff, match=r"^d: "):
        _listed(tmp_path)


def test_a_name_that_would_be_a_whiteout_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".wh.x").touch()

    with pytest.raises(BadArchive, match=r"^\.wh\.x: in a layer"):
        _listed(tmp_path)


def test_the_mode_in_a_layer_is_no_more_than_the_mode(tmp_path: Path) -> None:
    (tmp_path / "f").touch(0o644)
    out = io.BytesIO()

    diff(str(tmp_path), out)

    header = next(
        out.getvalue()[at : at + 512]
        for at in range(0, len(out.getvalue()), 512)
        if out.getvalue()[at : at + 2] == b"f\0"
    )
    assert header[100:108] == b"0000644\0"


def test_a_file_with_two_names_is_in_a_layer_once(tmp_path: Path) -> None:
    (tmp_path / "upper").mkdir()
    (tmp_path / "upper/a").write_text("a" * 1000)
    os.link(tmp_path / "upper/a", tmp_path / "upper/b")
    out = io.BytesIO()

    diff(str(tmp_path / "upper"), out)
    apply(tmp_path / "tree", out.getvalue(), owners=OWNERS)

    assert (tmp_path / "tree/a").samefile(tmp_path / "tree/b")
