import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.images import reference
from cfslib.images.reference import BadReference, Reference

pytestmark = pytest.mark.alike

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("team/tool", "docker.io/team/tool:latest"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("index.docker.io/busybox", "docker.io/library/busybox:latest"),
        ("docker.io/library/busybox:1", "docker.io/library/busybox:1"),
        ("localhost/tool", "localhost/tool:latest"),
        ("localhost:5000/a/b/c:x", "localhost:5000/a/b/c:x"),
        ("127.0.0.1:5000/tool", "127.0.0.1:5000/tool:latest"),
        ("example.io/a/b", "example.io/a/b:latest"),
        ("HOST/tool", "HOST/tool:latest"),
        ("a.b-c/d_e/f__g/h--i/j.k", "a.b-c/d_e/f__g/h--i/j.k:latest"),
        (f"busybox@{DIGEST}", f"docker.io/library/busybox@{DIGEST}"),
        (f"busybox:1@{DIGEST}", f"docker.io/library/busybox:1@{DIGEST}"),
        (f"h:1/a@{DIGEST}", f"h:1/a@{DIGEST}"),
        ("busybox:A_-.z", "docker.io/library/busybox:A_-.z"),
        ("busybox:_", "docker.io/library/busybox:_"),
        ("localhost", "docker.io/library/localhost:latest"),
        ("localhost:5000", "docker.io/library/localhost:5000"),
    ],
)
def test_what_is_left_out_is_dockers(text: str, full: str) -> None:
    assert str(reference.parse(text)) == full


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a part of it is empty"),
        (" ", "is not a-z0-9"),
        ("/", "a part of it is empty"),
        ("a/", "a part of it is empty"),
        ("/a", "a part of it is empty"),
        ("a//b", "a part of it is empty"),
        ("a/../b", "is not a-z0-9"),
        ("../b", "is no registry"),
        ("./b", "is no registry"),
        ("..", "is not a-z0-9"),
        ("Busybox", "small letters"),
        ("team/Tool", "small letters"),
        ("a b", "is not a-z0-9"),
        ("a\0b", "is not a-z0-9"),
        ("a\nb", "is not a-z0-9"),
        ("a+b", "is not a-z0-9"),
        ("ä", "is not a-z0-9"),
        ("²", "is not a-z0-9"),
        ("-a", "is not a-z0-9"),
        ("a-", "is not a-z0-9"),
        ("a___b", "is not a-z0-9"),
        ("a..b", "is not a-z0-9"),
        ("a._b", "is not a-z0-9"),
        ("a:", "a tag is"),
        (":a", "a part of it is empty"),
        ("a:-x", "a tag is"),
        ("a:.x", "a tag is"),
        ("a:x/y", "is no registry"),
        ("a:x y", "a tag is"),
        ("a:²", "a tag is"),
        (f"a:{'x' * 129}", "a tag is"),
        ("a@", "after @ comes"),
        ("a@sha256:", "after @ comes"),
        (f"a@{DIGEST}0", "after @ comes"),
        (f"a@{DIGEST.upper()}", "after @ comes"),
        (f"a@md5:{HEX}", "after @ comes"),
        (f"a@{DIGEST}@{DIGEST}", "after @ comes"),
        (HEX, "are an id"),
        ("https://example.io/a", "is no registry"),
        ("h:port/a", "is no registry"),
        ("h:/a", "is no registry"),
        ("h:123456/a", "is no registry"),
        ("h:²/a", "is no registry"),
        ("-h.x/a", "is no registry"),
        ("h-.x/a", "is no registry"),
        ("h..x/a", "is no registry"),
        (".x/a", "is no registry"),
        ("user@host/a", "after @ comes"),
        ("a" * 256, "more than 255"),
        (f"{'a/' * 130}a", "more than 255"),
    ],
)
def test_what_is_no_name_is_refused_in_one_line(text: str, why: str) -> None:
    with pytest.raises(BadReference) as caught:
        reference.parse(text)

    assert why in str(caught.value)
    assert len(caught.value.__notes__) == 1
    assert len(str(caught.value)) < 200


@given(st.text(alphabet="ab0.:/@_-A", max_size=20) | st.text(max_size=20))
def test_a_name_in_full_names_the_same(text: str) -> None:
    try:
        found = reference.parse(text)
    except BadReference:
        return
    assert isinstance(found, Reference)
    assert reference.parse(str(found)) == found
    assert reference.parse(found.familiar) == found
    assert "+" not in str(found)


@pytest.mark.parametrize(
    ("full", "familiar"),
    [
        ("docker.io/library/busybox:1", "busybox:1"),
        ("docker.io/team/tool:1", "team/tool:1"),
        ("localhost:5000/tool:1", "localhost:5000/tool:1"),
        ("docker.io/library/a/b:1", "docker.io/library/a/b:1"),
        ("docker.io/localhost/a:1", "docker.io/localhost/a:1"),
    ],
)
def test_the_familiar_name_leaves_out_what_goes_without_saying(
    full: str, familiar: str
) -> None:
    assert reference.parse(full).familiar == familiar
