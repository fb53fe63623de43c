"""Variables and quotes in a Dockerfile."""

import pytest

from cfslib.images import substitution
from cfslib.images.substitution import expand

pytestmark = pytest.mark.alike

VALUES = {"A": "1", "EMPTY": "", "B_2": "two words"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$A${A}x$Ax", "11x"),
        ("$B_2", "two words"),
        ("${NOT}-$NOT", "-"),
        ("${EMPTY:-x}${EMPTY-x}${NOT:-x}${NOT-x}", "xxx"),
        ("${A:+x}${EMPTY:+x}${EMPTY+y}${NOT+z}", "xy"),
        ("${NOT:-${A:-3}$B_2}", "1two words"),
        ("${NOT:-a'b}'c}", "ab}c"),
        (r"\$A '$A' \'", "$A $A '"),
        (r'"$A \"x\" \n ' "'" '"', '1 "x" \\n \''),
        ("$", "$"),
        ("a$ b", "a$ b"),
        ("100%", "100%"),
        ("\\", "\\"),
    ],
)
def test_a_text_is_expanded_as_docker_does_it(text: str, found: str) -> None:
    assert expand(text, VALUES) == found


def test_another_sign_takes_a_meaning_away() -> None:
    assert expand(r"a\b`$A", VALUES, "`") == r"a\b$A"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("'x", "no end"),
        ('"x', 'no "'),
        ("${A", "a name and }"),
        ("${}", "a name and }"),
        ("${A:?x}", "is not known"),
        ("${A:-x", "there is no }"),
        ("${A%x}", "is not known"),
        ("${A:-" * 60 + "}" * 60, "in each other"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        expand(text, VALUES)


def test_what_grows_without_end_is_refused() -> None:
    values = {"A": "x" * 1000}

    with pytest.raises(ValueError, match="longer than"):
        expand("$A" * 1000, values)


def test_words_are_split_outside_of_quotes() -> None:
    assert substitution.split(r'a "b c" d\ e ' "'f g'h") == [
        "a",
        '"b c"',
        r"d\ e",
        "'f g'h",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1 B='2 3'", [("A", "1"), ("B", "'2 3'")]),
        ("A some text", [("A", "some text")]),
        ("A=x=y", [("A", "x=y")]),
        ("A=", [("A", "")]),
    ],
)
def test_pairs_are_written_in_two_ways(text: str, found: list[tuple[str, str]]) -> None:
    assert substitution.pairs(text) == found


@pytest.mark.parametrize("text", ["A", "A=1 B", "=1"])
def test_a_name_without_a_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="should be NAME=VALUE"):
        substitution.pairs(text)
