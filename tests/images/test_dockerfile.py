"""What a Dockerfile says, and what is wrong with one."""

import pytest

from cfslib.images import dockerfile
from cfslib.images.dockerfile import BadDockerfile, Instruction

pytestmark = pytest.mark.alike


def parsed(text: str) -> tuple[Instruction, ...]:
    return dockerfile.parse(text.encode()).instructions


def lines(text: str) -> list[str]:
    return [f"{step.line} {step}" for step in parsed(text)]


def test_a_line_goes_on_after_a_backslash_also_over_comments_and_empty_lines() -> None:
    text = "FROM a\nRUN one \\  \n  two \\\n# a comment\n\n  three\nRUN four\\\\\nRUN x"

    assert lines(text) == [
        "1 FROM a",
        "2 RUN one   two   three",
        "7 RUN four\\\\",
        "8 RUN x",
    ]


def test_the_first_lines_may_name_another_sign_than_the_backslash() -> None:
    text = "# syntax=some/thing:1\n# ESCAPE = `\nFROM a\nRUN one `\n two\\\n"

    assert lines(text) == ["3 FROM a", "4 RUN one  two\\"]
    assert dockerfile.parse(text.encode()).escape == "`"


def test_later_lines_of_that_kind_are_comments() -> None:
    assert lines("# text\n# escape=`\nFROM a\nRUN x \\\n y") == [
        "3 FROM a",
        "4 RUN x  y",
    ]


def test_names_may_be_written_small() -> None:
    assert [step.name for step in parsed("from a\nrun x\n")] == ["FROM", "RUN"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["a", "b c"]', ("a", "b c")),
        ("[]", ()),
        ("['a']", None),
        ('["a", 1]', None),
        ("[ -f x ]", None),
        ('"a"', None),
    ],
)
def test_a_list_is_json_and_all_else_is_for_a_shell(
    text: str, words: tuple[str, ...] | None
) -> None:
    assert parsed(f"FROM a\nRUN {text}")[1].words == words


def test_flags_stand_before_the_rest() -> None:
    step = parsed("FROM a\nCOPY --from=b --chown=1:2   x  --y /z\n")[1]

    assert dict(step.flags) == {"from": "b", "chown": "1:2"}
    assert step.rest == "x  --y /z"


@pytest.mark.parametrize("here", ["<<EOF", "<<-EOF", "<<'EOF'", '3<<"EOF"', "x <<E"])
@pytest.mark.parametrize("name", ["RUN cat", "COPY", "ADD"])
def test_a_here_document_is_refused_with_its_line(name: str, here: str) -> None:
    with pytest.raises(BadDockerfile, match=r"Dockerfile:2: .*here-documents"):
        parsed(f"FROM a\n{name} {here} /x\nbody\nEOF\n")


@pytest.mark.parametrize(
    "text", ["RUN cat <<<word", "RUN echo $((1 << 2))", 'RUN ["<<E"]']
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert len(parsed(f"FROM a\n{text}\n")) == 2


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "1: it has no FROM"),
        ("# nothing\n", "1: it has no FROM"),
        ("ARG x\nRUN y\nFROM z", "2: RUN comes before FROM"),
        ("FROM a\nHEALTHCHECK NONE", "2: HEALTHCHECK is no instruction"),
        ("FROM a\nVOLUME /x", "2: VOLUME is no instruction"),
        ("FROM a\n\n\nONBUILD RUN x", "4: ONBUILD is no instruction"),
        ("FROM a\nRUN", "2: RUN of what"),
        ("FROM a\nRUN --mount=type=cache x", "2: RUN --mount is not known"),
        ("FROM a\nCOPY --link x y", "2: COPY --link is not known"),
        ("FROM a\nCOPY --from=a --from=b x y", "2: COPY --from twice"),
        ("FROM a\nCOPY --chown x y", "2: COPY --chown=... of what"),
        ("FROM a\nRUN x\0y", "2: there is a NUL"),
        ("# escape=x\nFROM a", "1: escape may be"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, error: str) -> None:
    with pytest.raises(BadDockerfile, match=f"^Dockerfile:{error}"):
        parsed(text)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"FROM a\nRUN \xff", "2: this is not UTF-8"),
        (b"FROM a\n" * 1001, "1001: more than 1000 instructions"),
    ],
)
def test_what_is_long_or_no_text_is_refused(data: bytes, error: str) -> None:
    with pytest.raises(BadDockerfile, match=error):
        dockerfile.parse(data)


def test_what_is_huge_is_refused() -> None:
    with pytest.raises(BadDockerfile, match="1: more than 1048576 bytes"):
        dockerfile.parse(b"#" * (1 << 20) + b"\n")
