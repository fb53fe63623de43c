import os

import pytest

from cfslib.cli import values
from cfslib.cli.parser import Usage
from cfslib.runtime.spec import Volume

pytestmark = pytest.mark.alike


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
