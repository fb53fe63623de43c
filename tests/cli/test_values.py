import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.cli import values
from cfslib.cli.parser import Usage
from cfslib.isolation.capabilities import ALL, Capability
from cfslib.runtime.spec import Volume


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("20", 20), ("4194304", 4194304), ("max", None)],
)
def test_a_number_of_processes(text: str, number: int | None) -> None:
    assert values.count(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("64k", 65536), ("64K", 65536), ("64kb", 65536), ("1m", 1 << 20),
     ("2g", 2 << 30), ("7b", 7)],
)  # fmt: skip
def test_a_number_of_bytes(text: str, number: int) -> None:
    assert values.size(text) == number


@pytest.mark.parametrize(("text", "number"), [("1", 1.0), ("0.5", 0.5), ("0.01", 0.01)])
def test_an_amount_of_processors(text: str, number: float) -> None:
    assert math.isclose(values.cpus(text), number)


NO_NUMBERS = [
    "",
    "0",
    "-1",
    "+1",
    "1.5.5",
    "one",
    "1e3",
    " 1",
    "1 ",
    "1\n",
    "٣",
    "²",
    "1_0",
]


@pytest.mark.parametrize("read", [values.count, values.size, values.cpus])
@pytest.mark.parametrize(
    "text",
    [*NO_NUMBERS, "9" * 5000, "0" * 30, "nan", "inf"],
    ids=lambda t: ascii(t)[:9],
)
def test_what_is_no_positive_number_is_refused(read: object, text: str) -> None:
    with pytest.raises(Usage):
        read(text)  # type: ignore[operator]


@given(st.text())
@pytest.mark.parametrize("read", [values.count, values.size, values.cpus])
def test_any_text_is_a_positive_number_or_refused(read: object, text: str) -> None:
    try:
        number = read(text)  # type: ignore[operator]
    except Usage:
        return
    assert number is None or number > 0


@pytest.mark.parametrize("text", ["x", "a.b", "x" * 64, "ü" * 32, "with space"])
def test_a_hostname_is_what_the_kernel_takes(text: str) -> None:
    assert values.hostname(text) == text


@pytest.mark.parametrize("text", ["", "x" * 65, "ü" * 33, "a\0b"], ids=ascii)
def test_a_hostname_that_the_kernel_would_not_take_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        values.hostname(text)


def test_a_variable_has_a_name_and_a_value() -> None:
    assert values.variable("A=b=c") == ("A", "b=c")
    assert values.variable("A=") == ("A", "")
    for text in ("A", "=b", "", "="):
        with pytest.raises(Usage):
            values.variable(text)


def test_a_volume_has_two_places_and_perhaps_a_mode() -> None:
    assert values.volume("/a:/b") == Volume("/a", "/b")
    assert values.volume("/a:/b:rw") == Volume("/a", "/b")
    assert values.volume("/a:/b:ro") == Volume("/a", "/b", read_only=True)


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        (".", "{}"),
        ("a", "{}/a"),
        ("./a//b/.", "{}/a/b"),
        ("../a", "{}/../a"),  # a link may lead to where we are
        ("//a/./b/", "/a/b"),
    ],
)
def test_a_place_of_the_host_is_absolute(typed: str, place: str) -> None:
    assert values.volume(f"{typed}:/x").source == place.format(os.getcwd())


@pytest.mark.parametrize("typed", ["/b", "//b", "/b/", "/./b"])
def test_a_place_inside_is_written_in_one_way(typed: str) -> None:
    assert values.volume(f"/a:{typed}").target == "/b"


@pytest.mark.parametrize(
    "text",
    ["", ":", "/a", "/a:", ":/b", "/a:b", "/a:/b:xx", "/a:/", "/a://", "/a:/b/..",
     "/a:/.", "/a:/..", "/a:/proc", "/a:/proc/sys", "/a://proc", "/a:/b/../proc/1",
     "/a:/../proc", "/a:/proc/.", "/a:/b:ro:rw"],
)  # fmt: skip
def test_a_volume_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        values.volume(text)


@pytest.mark.parametrize(
    ("text", "mounted"),
    [
        ("type=bind,source=/a,target=/b", Volume("/a", "/b")),
        ("type=bind,src=/a,dst=/b,readonly", Volume("/a", "/b", read_only=True)),
        ("ro=1,destination=/b/,type=bind,src=//a", Volume("/a", "/b", read_only=True)),
        ("type=bind,src=/a,dst=/b,readonly=false", Volume("/a", "/b")),
        ('type=bind,"src=/a,b",dst=/b', Volume("/a,b", "/b")),
        ("type=bind,src=/a:b=c,dst=/b", Volume("/a:b=c", "/b")),
        ("type=tmpfs,target=/b", Volume(None, "/b")),
        ("type=tmpfs,dst=/b,ro,tmpfs-size=1k", Volume(None, "/b", True, 1024)),
    ],
)
def test_a_mount_is_written_as_for_docker(text: str, mounted: Volume) -> None:
    assert values.mount(text) == mounted


@pytest.mark.parametrize(
    "text",
    ["", "/a:/b", "type=bind", "type=bind,target=/b", "type=bind,source=,target=/b",
     "source=/a,target=/b", "type=volume,source=a,target=/b", "type=npipe,target=/b",
     "type=bind,source=/a,target=b", "type=bind,source=/a,target=/proc/sys",
     "type=bind,source=/a,target=/b,readonly=maybe", "type=tmpfs,source=/a,target=/b",
     "type=bind,source=/a,target=/b,tmpfs-size=1k", "type=tmpfs,target=/b,nosuid",
     "type=bind,source=/a,src=/c,target=/b", "type=tmpfs,target=/b,tmpfs-size=0",
     'type=bind,"src=/a\r\nb",x"\n,dst=/b', "type=tmpfs,target=/",
     "type=tmpfs,target=/sys/x"],
)  # fmt: skip
def test_a_mount_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        values.mount(text)


@pytest.mark.parametrize(
    "text", ["sys_admin", "SYS_ADMIN", "CAP_SYS_ADMIN", "cap_Sys_Admin"]
)
def test_a_capability_may_be_written_in_many_ways(text: str) -> None:
    assert values.capability(text) == {Capability.SYS_ADMIN}


@pytest.mark.parametrize("text", ["ALL", "all", "All"])
def test_all_of_them_have_a_name_too(text: str) -> None:
    assert values.capability(text) == ALL == set(Capability)


@pytest.mark.parametrize(
    "text", ["", "CAP_", "21", "CAP_CAP_CHOWN", "CAP_ALL", "x" * 99]
)
def test_a_capability_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(Usage, match="no such capability"):
        values.capability(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("sysadmin", "SYS_ADMIN"), ("kil", "KILL"), ("chroot", "SYS_CHROOT"),
     ("CAP_NET_BINDSERVICE", "NET_BIND_SERVICE"), ("CAP_CAP_CHOWN", "CHOWN")],
)  # fmt: skip
def test_of_a_wrong_name_the_nearest_right_one_is_said(text: str, meant: str) -> None:
    with pytest.raises(Usage, match=f"{text!r}; did you mean {meant}\\?"):
        values.capability(text)


@pytest.mark.parametrize(
    ("text", "is_so"),
    [("", True), ("=true", True), ("=1", True), (":true", True), ("=TRUE", True),
     ("=false", False), ("=0", False), (":false", False)],
)  # fmt: skip
def test_to_gain_no_more_is_written_in_many_ways(text: str, is_so: bool) -> None:
    assert values.security(f"no-new-privileges{text}") == ("no-new-privileges", is_so)


@pytest.mark.parametrize(
    ("text", "cause"),
    [("no-new-privileges=", "neither true nor false: ''"),
     ("no-new-privileges:maybe", "'maybe'"), ("no-new-privileges==1", "'=1'"),
     ("no_new_privs", "no-new-privileges or seccomp: 'no_new"), ("", "''"),
     ("seccomp", "seccomp=FILE"), ("seccomp=", "seccomp=unconfined"),
     ("=true", "'=true'"), ("label=disable", "'label=disable'")],
)  # fmt: skip
def test_any_other_security_is_refused(text: str, cause: str) -> None:
    with pytest.raises(Usage, match=cause):
        values.security(text)


@pytest.mark.parametrize("text", ["0", "0-3", "0-3,6", "7,1", "8191", "5-5"])
def test_processors_are_a_list_as_the_kernel_writes_it(text: str) -> None:
    assert values.processors(text) == text


@pytest.mark.parametrize(
    "text",
    ["", ",", "0,", "-1", "1-", "3-1", "a", "0-3-5", "0:2", "8192", "0 ", "٣", "all",
     "0x1", "^1", "9" * 5000],
    ids=lambda text: ascii(text)[:9],
)  # fmt: skip
def test_what_is_no_list_of_processors_is_refused(text: str) -> None:
    with pytest.raises(Usage, match="not a list of processors"):
        values.processors(text)


def test_shares_and_scores_are_what_the_kernel_takes() -> None:
    assert [values.shares(text) for text in ("2", "1024", "262144")] == [
        2,
        1024,
        1 << 18,
    ]
    assert [values.score(text) for text in ("-1000", "0", "1000")] == [-1000, 0, 1000]
    assert values.size_or_none("-1") == -1
    for read, refused in (
        (values.shares, ("0", "1", "-5", "262145", "1.5", "", "lots")),
        (values.score, ("1001", "-1001", "--5", "+5", "", "5.", "٣")),
        (values.size_or_none, ("0", "-2", "")),
    ):
        for text in refused:
            with pytest.raises(Usage):
                read(text)
