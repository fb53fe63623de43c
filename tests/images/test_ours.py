import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import ours
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.conftest import ROOT, needs_root, needs_user_namespaces
from tests.images.conftest import RUBBISH

OTHER = 4242  # the id of somebody else


def check(place: Path | str) -> None:
    ours.check(str(place), "SOME_HOME")


def refusal(place: Path | str) -> str:
    with pytest.raises(PermissionError) as caught:
        check(place)
    return f"{caught.value}\n{caught.value.__notes__[0]}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a directory below one that is everybody's, as /tmp is."""
    (tmp_path / "all").mkdir()
    (tmp_path / "all").chmod(0o1777)
    (tmp_path / "all/home").mkdir()
    return tmp_path / "all/home"


def test_what_is_ours_from_the_root_down_is_used(home: Path) -> None:
    check(home)
    check(home / "not/yet")
    check(f"{home}/.././/{home.name}/")
    check("/")


@pytest.mark.parametrize("mode", [0o757, 0o777, 0o702])
@pytest.mark.parametrize("below", ["", "cache", "cache/cfs"])
def test_what_all_may_write_to_is_not_used(home: Path, mode: int, below: str) -> None:
    home.chmod(mode)
    text = refusal(home / below)

    assert f"{home / below} is not used: others may write to {home}\n" in text
    assert f"`chmod go-w {home}`, or set SOME_HOME" in text


@needs_root
@pytest.mark.parametrize("place", ["home", "home/.cache", "home/.cache/cfs"])
def test_what_is_somebody_elses_is_not_used(home: Path, place: str) -> None:
    (home / ".cache/cfs").mkdir(parents=True)
    other = home.parent / place
    os.chown(other, OTHER, 0)

    assert f"not used: {other} belongs to user {OTHER}" in refusal(home / ".cache/cfs")


@needs_root
@pytest.mark.parametrize("kind", [os.mkdir, os.mkfifo, Path.touch])
def test_so_it_is_whatever_it_is(home: Path, kind: Callable[[Path], None]) -> None:
    kind(home / "x")
    os.chown(home / "x", OTHER, 0)

    assert f"{home}/x belongs to user {OTHER}" in refusal(home / "x")


def test_links_of_ours_are_followed(home: Path) -> None:
    (home / "there").mkdir()
    (home / "absolute").symlink_to(home / "there")
    (home / "relative").symlink_to("../home/absolute")
    (home / "missing").symlink_to("nowhere")
    for link in ("absolute", "relative", "missing"):
        check(home / link / "cfs")

    (home / "there").chmod(0o777)
    for link in ("absolute", "relative"):
        assert f"others may write to {home}/there" in refusal(home / link / "cfs")


@needs_root
def test_links_of_others_are_not(home: Path) -> None:
    link = home.parent / "link"
    link.symlink_to(home)
    os.lchown(link, OTHER, 0)

    assert f"{link} belongs to user {OTHER}" in refusal(link / "cfs")


def test_links_in_a_circle_are_an_error(home: Path) -> None:
    (home / "one").symlink_to("two")
    (home / "two").symlink_to("one")

    with pytest.raises(OSError, match="in a circle"):
        check(home / "one/cfs")


@needs_root
@pytest.mark.parametrize(("members", "is_used"), [("", True), ("daemon", False)])
def test_a_group_may_write_that_nobody_else_is_in(
    home: Path, members: str, is_used: bool
) -> None:
    def look() -> bool:
        syscalls.unshare(Namespace.MNT)
        mounts.keep_private()
        (home / "group").write_text(f"alone:x:{OTHER}:{members}\n")
        mounts.bind(home / "group", "/etc/group")
        os.chown(home, 0, OTHER)
        home.chmod(0o775)
        try:
            check(home)
        except PermissionError:
            return False
        return True

    assert in_child(look) == is_used


@needs_root
def test_a_group_may_not_write_beside_an_access_control_list(home: Path) -> None:
    os.chown(home, 0, OTHER)
    home.chmod(0o770)
    check(home)
    # Version 2; tag, permissions, id: acl(5) and <linux/posix_acl_xattr.h>.
    entries = [(1, 7, -1), (2, 7, OTHER), (4, 0, -1), (16, 7, -1), (32, 0, -1)]
    words = [(2).to_bytes(4, "little")]
    for tag, rights, who in entries:
        words += [tag.to_bytes(2, "little"), rights.to_bytes(2, "little")]
        words.append((who & 0xFFFFFFFF).to_bytes(4, "little"))
    try:
        os.setxattr(home, "system.posix_acl_access", b"".join(words))
    except OSError:
        pytest.skip("needs a filesystem with access control lists")

    assert "others may write" in refusal(home)


@needs_user_namespaces
def test_root_of_a_user_namespace_may_use_what_is_its_own_outside(home: Path) -> None:
    def look() -> int:
        idmaps.unshare_as_root(Namespace(0))
        check(home / "cfs")
        return os.stat("/").st_uid

    def as_somebody() -> int:
        if ROOT:
            os.setgroups([])
            os.setresgid(OTHER, OTHER, OTHER)
            os.setresuid(OTHER, OTHER, OTHER)
            syscalls.prctl(syscalls.Prctl.SET_DUMPABLE, 1)
        return in_child(look)

    if ROOT:
        home = Path("/tmp")  # what leads to the directory of this test is root's alone
    assert in_child(as_somebody) not in (0, OTHER)  # outer root is nobody


# Files.


def test_a_file_is_written_for_us_alone_and_read(home: Path) -> None:
    def without() -> int:
        os.umask(0)
        ours.write(f"{home}/file", b"text")
        return (home / "file").stat().st_mode & 0o777

    assert in_child(without) == 0o600
    assert ours.read(f"{home}/file") == b"text"
    (home / "file").chmod(0o620)
    assert ours.read(f"{home}/file") == b""


@pytest.mark.parametrize("kind", RUBBISH)
@pytest.mark.parametrize("find", [str, ours.draft_of])
def test_rubbish_is_replaced_and_no_link_is_followed(
    home: Path, find: Callable[[str], str], kind: str
) -> None:
    (home / "precious").write_text("precious")
    RUBBISH[kind](Path(find(f"{home}/file")))
    ours.read(f"{home}/file")
    ours.write(f"{home}/file", b"text")

    assert ours.read(f"{home}/file") == b"text"
    assert (home / "precious").read_text() == "precious"
    assert sorted(os.listdir(home)) == ["file", "precious"]


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_directories_are_made_for_us_alone(home: Path, umask: int) -> None:
    def modes() -> list[int]:
        os.umask(umask)
        ours.make(f"{home}/.cache/cfs")
        ours.make(f"{home}/.cache/cfs")
        made = (home / ".cache", home / ".cache/cfs")
        return [place.stat().st_mode & 0o777 for place in made]

    assert in_child(modes) == [0o700, 0o700]
