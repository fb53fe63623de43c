"""Fields: the parts of a profile's text, each of the kind that it has to be.

>>> each({"syscalls": "mkdir"}, "syscalls", "the profile")
Traceback (most recent call last):
ValueError: syscalls of the profile is no list
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeGuard


def named(part: object, where: str) -> "dict[str, Any]":
    """Return a part that has named parts itself."""
    if not isinstance(part, dict):
        raise ValueError(f"{where} is {part!r}, but should have named parts")
    return part


def each(part: "dict[str, Any]", field: str, where: str) -> "list[Any]":
    """Return a list; what is not there, or nothing, is an empty one."""
    found = part.get(field)
    if not isinstance(found or [], list):
        raise ValueError(f"{field} of {where} is no list")
    return found or []


def words(part: "dict[str, Any]", field: str, where: str) -> "list[str]":
    """Return a list of words."""
    found = each(part, field, where)
    if not all(isinstance(word, str) for word in found):
        raise ValueError(f"{field} of {where} are no text")
    return found


def one_of(table: "dict[str, Any]", word: object, where: str) -> "Any":
    """Return what a word means, with or without what the kernel puts before it."""
    plain = str(word).removeprefix("SECCOMP_FILTER_FLAG_")
    if plain not in table:
        raise ValueError(f"{where} is {word!r}, but not one of {', '.join(table)}")
    return table[plain]


def is_number(it: object) -> "TypeGuard[int]":
    """Say if it is a number, maybe one with a name; True and False are none."""
    return isinstance(it, int) and not isinstance(it, bool)
