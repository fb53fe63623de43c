"""parser: take a command line apart, by a table of the options there are.

    >>> options = [Option("--loud", "-l"), Option("--name", "-n", "NAME")]
    >>> greet = Command("greet", "[-l] [-n NAME] WORD", options, least=["WORD"])
    >>> values, words = parse(greet, ["-lnAda", "hello"])
    >>> values["--name"], values["--loud"], words
    ('Ada', True, ['hello'])

The rules are those of getopt_long(3), but that no name may be cut short.  `argparse`
has the same ones, and takes as long to import as Python takes to start.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Values = dict[str, Any]  # of the options, by their long names

# What may be said of what is on or off.
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class Usage(ValueError):
    """The command line makes no sense; the text says where."""


class Asked(Exception):
    """There is nothing to do but to tell about a command."""

    def __init__(self, command: "Command", option: "Option") -> None:
        self.command, self.option = command, option


class Option:
    """One option; without a `metavar` it takes no text, and is on or off."""

    def __init__(
        self,
        name: str,
        short: str = "",
        metavar: str = "",  # stands for the text in the help
        read: "Callable[[str], object]" = str,  # the text as a value; may raise `Usage`
        help: str = "",
        default: "str | None" = None,  # a text too
        many: bool = False,  # it may be repeated, and its value is a list
    ) -> None:
        self.name, self.short, self.metavar = name, short, metavar
        self.read, self.help, self.default, self.many = read, help, default, many

    def __str__(self) -> str:
        return f"{self.short}/{self.name}" if self.short else self.name


HELP = Option("--help", "-h", help="show this help message and exit")


class Command:
    """One command: its options, and the words that stand beside them."""

    def __init__(
        self,
        name: str,
        usage: str,
        options: "Sequence[Option]" = (),
        least: "Sequence[str]" = (),  # names of the words that it takes
        most: int = sys.maxsize,  # number of words
        stops: bool = False,  # the first word ends the options
        about: str = "",  # what the help says before them
        epilog: str = "",  # and after them
    ) -> None:
        self.name, self.usage, self.options = name, usage, [HELP, *options]
        self.least, self.most, self.stops = least, most, stops
        self.about, self.epilog = about, epilog
        self.named = {option.name: option for option in self.options}
        self.named |= {option.short: option for option in self.options if option.short}

    def find(self, word: str) -> "tuple[Option, str | None] | None":
        """Return the option that a word begins with, and the text that follows it."""
        name, equals, text = word.partition("=")
        if name in self.named:
            return self.named[name], text if equals else None
        if word[:2] in self.named:
            return self.named[word[:2]], word[2:]
        return None

    def wrong(self, cause: str) -> Usage:
        """Return an error that shows the way to the help."""
        usage = Usage(cause)
        usage.add_note(f"Hint: `{self.name} --help` lists what there is.")
        return usage


def parse(command: Command, line: "Sequence[str]") -> "tuple[Values, list[str]]":
    """Return the values of all options, and the words beside them.

    Raise `Usage` if the line makes no sense, `Asked` at --help and --version.
    """
    values: Values = {}
    words: list[str] = []
    unknown: list[str] = []
    rest = list(line)
    while rest:
        word = rest.pop(0)
        if found := command.find(word):
            for option, text in _each(found, word, rest, command):
                _keep(option, text, command, values)
        elif word != "--" and _looks_like_an_option(word):
            unknown.append(word)
        elif command.stops:
            words, rest = [word, *rest], []
        elif word == "--":
            words, rest = words + rest, []
        else:
            words.append(word)
    _add_defaults(command, values)
    if missing := command.least[len(words) :]:
        names = ", ".join(missing)
        raise command.wrong(f"the following arguments are required: {names}")
    if unknown := unknown + words[command.most :]:
        raise command.wrong(f"unrecognized arguments: {' '.join(unknown)}")
    return values, words


def _each(
    found: "tuple[Option, str | None]", word: str, rest: "list[str]", command: Command
) -> "Iterator[tuple[Option, str]]":
    """Yield each option in a word, with its text: perhaps the first of the rest."""
    option, text = found
    while text is not None and not option.metavar:  # as in -it
        another = command.named.get(f"-{text[:1]}")
        if not another or word.startswith("--"):
            raise command.wrong(f"{option}: ignored explicit argument {text!r}")
        yield option, ""
        option, text = another, text[1:] or None
    if text is None and option.metavar:
        if not rest or command.find(rest[0]) or _looks_like_an_option(rest[0]):
            raise command.wrong(f"{option}: expected one argument")
        text = rest.pop(0)
    yield option, text or ""


def _looks_like_an_option(word: str) -> bool:
    """Say if a word would be an option, if there were one of that name.

    >>> list(map(_looks_like_an_option, ["-x", "--", "-", "-5", "-x y", ""]))
    [True, True, False, False, False, False]
    """
    is_number = word[-1:] != "." and word[1:].replace(".", "", 1).isdecimal()
    return word[:1] == "-" != word and " " not in word and not is_number


def _keep(option: Option, text: str, command: Command, values: "Values") -> None:
    """Add what was typed, or is the default, to the values."""
    if option.name in ("--help", "--version"):
        raise Asked(command, option)
    try:
        value = option.read(text) if option.metavar else True
    except Usage as refusal:
        raise command.wrong(f"{option}: {refusal}") from None
    if option.many:
        values.setdefault(option.name, []).append(value)
    else:
        values[option.name] = value


def _add_defaults(command: Command, values: "Values") -> None:
    for option in command.options:
        if option.name not in values:
            if option.default is not None:
                _keep(option, option.default, command, values)
            else:
                values[option.name] = [] if option.many else None
