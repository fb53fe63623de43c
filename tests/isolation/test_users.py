"""Users: who the command runs as."""

import errno
import os
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, users
from cfslib.isolation.users import User
from cfslib.kernel import procfs
from tests.conftest import needs_root, needs_user_namespaces


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "passwd").write_text(
        "broken\nroot:x:0:0:root:/root:/bin/sh\nlearner:x:1000:1001::/home/learner:/bin/sh\n"
    )
    (tmp_path / "group").write_text("root:x:0:\nstaff:x:50:learner\n")
    return tmp_path


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("0", (0, 0)),
        ("root", (0, 0)),
        ("7", (7, 0)),
        ("7:8", (7, 8)),
        ("learner", (1000, 1001)),
        ("learner:staff", (1000, 50)),
        ("learner:8", (1000, 8)),
        ("7:staff", (7, 50)),
        ("1000", (1000, 1001)),  # in passwd, so its group is, too
        ("1000:0", (1000, 0)),
    ],
)
def test_a_user_is_found_by_number_or_name(
    user: str, ids: tuple[int, int], etc: Path
) -> None:
    found = users.look_up(user, etc=etc)

    assert (found.uid, found.gid) == ids


@pytest.mark.parametrize(
    "user", ["nobody", "learner:nobody", "", ":8", "-1", "lea", "broken"]
)
def test_a_user_who_is_not_there_is_an_error(user: str, etc: Path) -> None:
    with pytest.raises(LookupError, match="no '"):
        users.look_up(user, etc=etc)


def test_a_container_without_passwd_has_numbers_only(tmp_path: Path) -> None:
    assert users.look_up("7:8", etc=tmp_path) == User(7, 8)
    with pytest.raises(LookupError, match="passwd"):
        users.look_up("root", etc=tmp_path)


def test_whoever_is_in_passwd_has_the_groups_and_the_home_of_these_files(
    etc: Path,
) -> None:
    learner = User(1000, 1001, (50,), "/home/learner")

    assert users.look_up("learner", etc=etc) == learner
    assert users.look_up("1000", etc=etc) == learner
    assert users.look_up("learner:8", etc=etc).groups == ()  # GROUP says it all
    assert users.look_up("learner:8", ["staff", "9"], etc).groups == (9, 50)


@pytest.mark.parametrize("group", ["nobody", "", "-1", str(2**32 - 1), "9" * 5000])
def test_a_group_that_is_not_there_is_an_error(group: str, etc: Path) -> None:
    with pytest.raises(LookupError, match=r"no '|there is no"):
        users.look_up("learner", [group], etc)


def test_lines_without_numbers_are_nobody(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("0:x:5:6::/:\nroot:x:x:0::/:\nroot:x:0:-1::/:\n")
    (tmp_path / "group").write_text("root:x::0\nx:x:4294967295:0\n")

    assert users.look_up("0", etc=tmp_path) == User(0, 0)


@needs_root
def test_joining_groups_leaves_all_others() -> None:
    def join() -> list[int]:
        os.setgroups([1, 2, 3])
        users.join_groups(User(54321, 54322, [3, 4]))
        return os.getgroups()

    assert in_child(join) == [3, 4]


@needs_user_namespaces
def test_with_one_id_no_group_can_be_joined() -> None:
    def join() -> None:
        idmaps.unshare_as_root(0)
        users.join_groups(User(0, 0, [0]))

    with pytest.raises(PermissionError, match="setgroups") as caught:
        in_child(join)
    assert "deny" in caught.value.__notes__[0]


@needs_root
def test_becoming_somebody_leaves_every_group() -> None:
    def become() -> tuple[str, str, str]:
        os.setgroups([1, 2, 3])
        user = User(54321, 54322)
        users.join_groups(user)
        users.become(user)
        status = procfs.status()
        return status["Uid"], status["Gid"], status["Groups"]

    assert in_child(become) == ("\t".join(["54321"] * 4), "\t".join(["54322"] * 4), "")


@needs_user_namespaces
def test_becoming_somebody_who_is_not_mapped_is_refused_with_a_hint() -> None:
    def become() -> None:
        idmaps.unshare_as_root(0)
        users.become(User(7, 0))

    with pytest.raises(OSError, match="setuid") as caught:
        in_child(become)
    assert "uid_map" in caught.value.__notes__[0]


def test_a_passwd_that_never_opens_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "passwd")

    with pytest.raises(LookupError, match="bob"):
        users.look_up("bob", etc=tmp_path)


@pytest.mark.parametrize("target", ["/proc/self/pagemap", "sparse"])
def test_a_group_without_end_is_refused_by_its_name(
    target: str, tmp_path: Path
) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "group").symlink_to(target)

    with pytest.raises(OSError, match="File too large") as caught:
        users.look_up("7", ["staff"], etc=tmp_path)
    assert caught.value.filename == f"{tmp_path}/group"


def test_a_link_that_leads_to_itself_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "passwd").symlink_to("passwd")

    with pytest.raises(OSError) as caught:  # noqa: PT011  which one is asked below
        users.look_up("7", etc=tmp_path)
    assert caught.value.errno == errno.ELOOP
    assert caught.value.filename == f"{tmp_path}/passwd"


def test_a_line_with_nul_in_it_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("bob:x:5:6::/\0:\n")

    with pytest.raises(LookupError, match="bob"):
        users.look_up("bob", etc=tmp_path)


@pytest.mark.parametrize("number", ["\u0663", "\u00b2", "+3", "-3", " 3", "3_0", "0x3"])
def test_a_number_is_written_in_ascii_digits_alone(number: str, tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text(f"bob:x:{number}:6::/:\n")

    for user in "bob", number, f"7:{number}":
        with pytest.raises(LookupError, match="no '"):
            users.look_up(user, etc=tmp_path)
