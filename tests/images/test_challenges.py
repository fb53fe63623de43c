"""What a registry asks of who comes to it."""

import time

import pytest

from cfslib.images import challenges
from cfslib.images.challenges import Challenge
from cfslib.images.reference import parse
from tests.conftest import in_time

pytestmark = pytest.mark.alike


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Basic", [Challenge("basic")]),
        ('BASIC realm="a b"', [Challenge("basic", {"realm": "a b"})]),
        (
            "Bearer realm=x,service=y",
            [Challenge("bearer", {"realm": "x", "service": "y"})],
        ),
        (
            'Bearer realm="https://a/?b=c" , scope="repository:a/b:pull,push r:c:*"',
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://a/?b=c",
                        "scope": "repository:a/b:pull,push r:c:*",
                    },
                )
            ],
        ),
        (
            r'Basic realm="a\"b", Bearer Realm="c"',
            [Challenge("basic", {"realm": 'a"b'}), Challenge("bearer", {"realm": "c"})],
        ),
        ('realm="x"', []),
        ('Bearer realm="x', [Challenge("bearer", {"realm": ""}), Challenge("x")]),
    ],
)
def test_a_challenge_is_read(header: str, expected: list[Challenge]) -> None:
    assert challenges.read([header]) == expected


def test_a_long_one_that_makes_no_sense_takes_no_time() -> None:
    began = time.monotonic()
    for text in ('Bearer realm="' + "\\" * 60_000, "," * 60_000, 'a="' * 20_000):
        challenges.read([text])
    for text in (" " * 60_000, "a " * 30_000, "a = " * 20_000, "a" + " " * 60_000):
        challenges.read([text])

    in_time(time.monotonic() - began, 10)  # what goes over it twice takes minutes


@pytest.mark.parametrize(
    ("realm", "name", "expected"),
    [
        ("a.b", "a.b/x", True),
        ("a.b", "a.b:5000/x", True),
        ("example.com", "registry.example.com/x", True),
        ("auth.docker.io", "busybox", True),
        ("auth.docker.io", "a.b/x", False),
        ("evil.com", "a.b/x", False),
        ("x.a.b", "a.b/x", False),
        ("xa.b", "a.b/x", False),
        ("com", "example.com/x", False),
        ("", "a.b/x", False),
    ],
)
def test_a_password_is_for_who_the_registry_belongs_to(
    realm: str, name: str, expected: bool
) -> None:
    where = parse(name)

    assert challenges.is_of(realm, where.registry, where) is expected
