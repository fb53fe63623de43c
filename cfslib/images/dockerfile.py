"""dockerfile: what a Dockerfile says, one instruction after the other.

A line that ends in a backslash goes on in the next one, lines that begin with # are
comments, and the first ones may say that another sign than the backslash is meant.
What is an instruction here is one to Docker too; what Docker knows besides is refused
with its line, because an image without it would not be what was asked for.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

LONGEST = 1 << 20  # bytes of a Dockerfile
MOST = 1000  # instructions; no image has more layers either

_FLAGS: Mapping[str, tuple[str, ...]] = {
    "FROM": ("platform",),
    "COPY": ("from", "chown", "chmod"),
    "ADD": ("chown", "chmod"),
}
_NAMES = frozenset(
    """
    FROM RUN COPY ADD ENV ARG WORKDIR USER CMD ENTRYPOINT LABEL EXPOSE STOPSIGNAL SHELL
    """.split()  # noqa: SIM905  words in rows are read faster than a list
)
_WITH_LISTS = ("RUN", "CMD", "ENTRYPOINT", "SHELL", "COPY", "ADD")
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.*?)\s*")
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\S*))?(?:\s+|$)")
_HERE_DOCUMENT = re.compile(r"""(?:^|\s)\d*<<-?['"]?[A-Za-z_]""")


class BadDockerfile(ValueError):
    """A line of a Dockerfile that cannot be followed; the text names it."""


@dataclass(frozen=True)
class Instruction:
    """One instruction."""

    file: str
    line: int  # where it begins
    name: str  # in capitals
    text: str  # what follows it, on one line, as it was written
    flags: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] | None = None  # of a list in JSON
    rest: str = ""  # the text without the flags

    def __str__(self) -> str:
        return f"{self.name} {self.text}"

    def wrong(self, why: str, hint: str = "") -> BadDockerfile:
        """Return an error that names the line."""
        return _wrong(self.file, self.line, why, hint)


@dataclass(frozen=True)
class Dockerfile:
    """All instructions, and the sign that takes a meaning away or a line further."""

    instructions: tuple[Instruction, ...]
    escape: str = "\\"


def parse(data: bytes, file: str = "Dockerfile") -> Dockerfile:
    """Return what a Dockerfile says; raise `BadDockerfile` that names a line."""
    if len(data) > LONGEST:
        raise _wrong(file, 1, f"more than {LONGEST} bytes are no Dockerfile")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _wrong(file, line, "this is not UTF-8") from None
    escape = _escape(lines, file)
    found = tuple(
        _instruction(text, line, file) for line, text in _joined(lines, escape)
    )
    if not any(one.name == "FROM" for one in found):
        raise _wrong(file, 1, "it has no FROM: what is the image made from?")
    first = next(one for one in found if one.name != "ARG")
    if first.name != "FROM":
        raise first.wrong(f"{first.name} comes before FROM; only ARG may")
    if len(found) > MOST:
        raise found[MOST].wrong(f"more than {MOST} instructions")
    return Dockerfile(found, escape)


def _escape(lines: list[str], file: str) -> str:
    """Return the sign that the first lines name, if they do."""
    escape = "\\"
    for number, line in enumerate(lines, 1):
        found = _DIRECTIVE.fullmatch(line.strip())
        if not found:
            break
        if found[1].lower() == "escape":
            escape = found[2]
            if escape not in ("\\", "`"):
                raise _wrong(file, number, f"escape may be \\ or `, not {escape!r}")
    return escape


def _joined(lines: list[str], escape: str) -> Iterator[tuple[int, str]]:
    """Yield each instruction on one line, and the number of its first."""
    start, text = 0, ""
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue  # inside an instruction too
        start = start or number
        line = line if text else line.lstrip()
        ended = line.rstrip()
        is_last = not ended.endswith(escape) or ended.endswith(escape * 2)
        text += line if is_last else ended[:-1]
        if is_last:
            yield start, text.strip()
            start, text = 0, ""
    if text.strip():
        yield start, text.strip()


def _instruction(text: str, line: int, file: str) -> Instruction:
    word, *after = text.split(None, 1)
    name, rest = word.upper(), "".join(after)
    if name not in _NAMES:
        hint = f"what is known: {', '.join(sorted(_NAMES))}"
        raise _wrong(file, line, f"{word[:40]} is no instruction here", hint)
    if not rest:
        raise _wrong(file, line, f"{name} of what?")
    if "\0" in rest:
        raise _wrong(file, line, "there is a NUL in this line")
    flags, bare = _flags(name, rest, line, file)
    words = _list(bare) if name in _WITH_LISTS else None
    is_of_files = name in ("RUN", "COPY", "ADD")
    if is_of_files and words is None and _HERE_DOCUMENT.search(bare):
        hint = "write the lines to a file, and COPY that"
        raise _wrong(file, line, f"{name}: here-documents (<<) are not known", hint)
    return Instruction(file, line, name, rest, flags, words, bare)


def _flags(name: str, rest: str, line: int, file: str) -> tuple[dict[str, str], str]:
    """Return the flags at the beginning, and what comes after them."""
    flags: dict[str, str] = {}
    if name in ("CMD", "ENTRYPOINT", "SHELL", "ENV", "LABEL", "ARG"):
        return flags, rest
    while found := _FLAG.match(rest):
        key, value = found[1], found[2]
        if key not in _FLAGS.get(name, ()):
            raise _wrong(file, line, f"{name} --{key} is not known")
        if not value:
            raise _wrong(file, line, f"{name} --{key}=... of what?")
        if key in flags:
            raise _wrong(file, line, f"{name} --{key} twice")
        flags[key] = value
        rest = rest[found.end() :]
    return flags, rest


def _list(text: str) -> tuple[str, ...] | None:
    """Return the words of a list in JSON; None if it is none, as Docker does."""
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(it, str) for it in found):
        return None
    return tuple(found)


def _wrong(file: str, line: int, why: str, hint: str = "") -> BadDockerfile:
    error = BadDockerfile(f"{file}:{line}: {why}")
    if hint:
        error.add_note(f"Hint: {hint}.")
    return error
