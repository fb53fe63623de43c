import pytest

from cfslib.cli.parser import Asked, Command, Option, Usage, parse

pytestmark = pytest.mark.alike


def number(text: str) -> int:
    if not text.isdecimal():
        raise Usage(f"not a number: {text!r}")
    return int(text)


OPTIONS = [
    Option("--quiet", "-q"),
    Option("--name", "-n", "NAME", default="nobody"),
    Option("--count", "-c", "N", number),
    Option("--tag", "-t", "TAG", many=True),
]
MIXED = Command("mixed", "[WORD ...]", OPTIONS)
FIRST = Command("first", "COMMAND ...", OPTIONS, least=["COMMAND"], stops=True)
EXACT = Command("exact", "FROM TO", least=["FROM", "TO"], most=2)


def test_what_is_not_typed_has_its_default() -> None:
    values, words = parse(MIXED, [])

    assert not values["--quiet"]
    assert values["--name"] == "nobody"
    assert values["--count"] is None
    assert values["--tag"] == []
    assert words == []


@pytest.mark.parametrize(
    "line",
    ["-n Ada", "-nAda", "-n=Ada", "--name Ada", "--name=Ada", "-n Bob -n Ada"],
)
def test_a_text_may_follow_in_many_ways(line: str) -> None:
    assert parse(MIXED, line.split())[0]["--name"] == "Ada"


@pytest.mark.parametrize("text", ["", "-", "-5", "-0.5", "-a b", "a=b"])
def test_a_text_may_look_strange(text: str) -> None:
    assert parse(MIXED, ["--name", text])[0]["--name"] == text


@pytest.mark.parametrize("text", ["--", "-x", "--x", "-q", "-t", "--count=5", "-5."])
def test_an_option_is_no_text(text: str) -> None:
    with pytest.raises(Usage, match="-n/--name: expected one argument"):
        parse(MIXED, ["--name", text])


@pytest.mark.parametrize("text", ["--", "-x", "-q"])
def test_behind_an_equals_sign_it_is(text: str) -> None:
    assert parse(MIXED, [f"--name={text}"])[0]["--name"] == text


@pytest.mark.parametrize("line", ["-qc5", "-qc 5", "-c 5 -q", "-q --count=5"])
def test_letters_may_stand_together(line: str) -> None:
    values, _ = parse(MIXED, line.split())

    assert (values["--quiet"], values["--count"]) == (True, 5)


def test_an_option_that_may_be_repeated_is_a_list() -> None:
    assert parse(MIXED, ["-ta", "--tag", "b", "-t=c"])[0]["--tag"] == ["a", "b", "c"]


def test_options_and_words_may_be_mixed() -> None:
    values, words = parse(MIXED, ["one", "-q", "two", "--", "-q", "--", "three"])

    assert values["--quiet"]
    assert words == ["one", "two", "-q", "--", "three"]


@pytest.mark.parametrize("line", ["ls -q --name", "-- ls", "- -q", "-5 -q"])
def test_where_the_first_word_ends_the_options_all_that_follows_is_as_it_is(
    line: str,
) -> None:
    values, words = parse(FIRST, ["-c", "5", *line.split()])

    assert words == line.split()
    assert not values["--quiet"]


@pytest.mark.parametrize(
    ("command", "line", "cause"),
    [
        (MIXED, "--nam Ada", "unrecognized arguments: --nam"),
        (MIXED, "-x --y=1 word", "unrecognized arguments: -x --y=1"),
        (MIXED, "--quiet=yes", "--quiet: ignored explicit argument 'yes'"),
        (MIXED, "-qx", "-q/--quiet: ignored explicit argument 'x'"),
        (MIXED, "-q-help", "-q/--quiet: ignored explicit argument '-help'"),
        (MIXED, "-c", "-c/--count: expected one argument"),
        (MIXED, "-c many", "-c/--count: not a number: 'many'"),
        (FIRST, "-q", "the following arguments are required: COMMAND"),
        (EXACT, "", "the following arguments are required: FROM, TO"),
        (EXACT, "here", "the following arguments are required: TO"),
        (EXACT, "here there nowhere", "unrecognized arguments: nowhere"),
    ],
)
def test_what_is_wrong_is_said_with_the_way_to_the_help(
    command: Command, line: str, cause: str
) -> None:
    with pytest.raises(Usage) as caught:
        parse(command, line.split())

    hint = f"Hint: `{command.name} --help` lists what there is."
    assert cause in str(caught.value)
    assert caught.value.__notes__ == [hint]


@pytest.mark.parametrize("line", ["-h", "--help", "-qh", "--help -x", "word --help"])
def test_who_asks_for_help_gets_it(line: str) -> None:
    with pytest.raises(Asked) as asked:
        parse(MIXED, line.split())

    assert asked.value.command is MIXED
    assert asked.value.option.name == "--help"


def test_a_mistake_before_the_question_comes_first() -> None:
    with pytest.raises(Usage, match="not a number"):
        parse(MIXED, ["-c", "many", "--help"])
