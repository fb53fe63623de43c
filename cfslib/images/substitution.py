r"""substitution: variables and quotes in a Dockerfile, by the rules that Docker has.

They look like a shell's, and are fewer:

    >>> expand("$A-${B:-none}-${A:+set}-'$A'-\\$A", {"A": "1"})
    '1-none-set-$A-$A'
    >>> pairs('A=1 B="2 3" C=a\\ b')
    [('A', '1'), ('B', '"2 3"'), ('C', 'a\\ b')]
"""

import re
from collections.abc import Mapping

LONGEST = 1 << 17  # bytes of a value: the kernel takes no longer argument
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?!$-]")
_DEPTH = 50


def expand(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """Return a text without its quotes, and with values in place of variables."""
    return _Text(text, variables, escape).read("")


def words(text: str, variables: Mapping[str, str], escape: str = "\\") -> list[str]:
    """Return the words of a text, each of them expanded."""
    return [expand(word, variables, escape) for word in split(text, escape)]


def split(text: str, escape: str = "\\") -> list[str]:
    """Split a text at blanks that are neither quoted nor escaped; keep the quotes."""
    found: list[str] = []
    word, quote, is_escaped = "", "", False
    for sign in text:
        if not quote and not is_escaped and sign.isspace():
            found += [word] if word else []
            word = ""
            continue
        word += sign
        if is_escaped:
            is_escaped = False
        elif sign == escape and quote != "'":
            is_escaped = True
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
    if quote:
        raise ValueError(f"a {quote} has no end")
    return found + ([word] if word else [])


def pairs(text: str, escape: str = "\\") -> list[tuple[str, str]]:
    """Return NAME=VALUE, one or more, or a name and all that follows it."""
    first = text.split(None, 1)
    if "=" not in first[0]:
        if len(first) < 2:
            raise ValueError(f"{first[0]} should be NAME=VALUE")
        return [(first[0], first[1])]
    found = [word.partition("=") for word in split(text, escape)]
    for name, equals, _ in found:
        if not equals or not name:
            raise ValueError(f"{name or '=...'} should be NAME=VALUE")
    return [(name, value) for name, _, value in found]


class _Text:
    """A text that is read from its beginning to its end."""

    def __init__(self, text: str, variables: Mapping[str, str], escape: str) -> None:
        self._text, self._at, self._depth = text, 0, 0
        self._variables, self._escape = variables, escape

    def _next(self) -> str:
        sign = self._text[self._at : self._at + 1]
        self._at += len(sign)
        return sign

    def read(self, end: str) -> str:
        """Read up to a sign that ends this part; "" is the end of it all."""
        found: list[str] = []
        length = 0
        while True:
            sign = self._next()
            if not sign and end:
                raise ValueError(f"there is no {end} to end it")
            if sign == end:
                return "".join(found)
            part = self._part(sign, end)
            length += len(part)
            if length > LONGEST:
                raise ValueError(f"it becomes longer than {LONGEST} bytes")
            found.append(part)

    def _part(self, sign: str, end: str) -> str:
        if sign == "$":
            return self._value()
        if end == '"':
            return self._in_quotes(sign)
        if sign == self._escape:
            return self._next() or sign
        if sign == "'":
            start, self._at = self._at, self._text.find("'", self._at) + 1
            if not self._at:
                raise ValueError("a ' has no end")
            return self._text[start : self._at - 1]
        return self.read('"') if sign == '"' else sign

    def _in_quotes(self, sign: str) -> str:
        if sign != self._escape:
            return sign
        after = self._next()
        return after if after in ('"', "$", self._escape) else sign + after

    def _value(self) -> str:
        """Return the value of the variable whose name comes next."""
        if self._text[self._at : self._at + 1] == "{":
            self._at += 1
            return self._in_braces()
        name = self._name()
        return self._variables.get(name, "") if name else "$"

    def _name(self) -> str:
        found = _NAME.match(self._text, self._at)
        if not found:
            return ""
        self._at = found.end()
        return found[0]

    def _in_braces(self) -> str:
        name = self._name()
        sign = self._next()
        if not name or not sign:
            raise ValueError("${ is not followed by a name and }")
        value = self._variables.get(name)
        if sign == "}":
            return value or ""
        if sign == ":":
            sign, value = self._next(), value or None
        if sign not in ("-", "+"):
            raise ValueError(f"${{{name}{sign or ':'}...}} is not known")
        self._depth += 1
        if self._depth > _DEPTH:
            raise ValueError(f"more than {_DEPTH} variables are in each other")
        otherwise = self.read("}")
        self._depth -= 1
        if sign == "-":
            return otherwise if value is None else value
        return "" if value is None else otherwise
