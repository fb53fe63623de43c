"""ffi: functions of the C library, declared without ctypes.

`ctypes`, `os` and `signal` together take as long to import as Python takes to start,
and everything on the way of `cfs run` counts in milliseconds.  So this uses what
`ctypes` itself is made of.  A function that fails raises `OSError` with errno and no
text.
"""

import _ctypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """int."""

    _type_ = "i"


class UnsignedInt(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """unsigned int."""

    _type_ = "I"


class Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """long, and ssize_t."""

    _type_ = "l"


class UnsignedLong(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """unsigned long, and size_t."""

    _type_ = "L"


class Text(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """char *, from bytes; None is NULL."""

    _type_ = "z"


class Pointer(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """void *: an address, a buffer, or None."""

    _type_ = "P"


class Object(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """PyObject *: any value of Python's."""

    _type_ = "O"


class PairOfInts(_ctypes.Array):  # type: ignore[type-arg]
    """int[2]."""

    _type_ = Int
    _length_ = 2


class UnsignedLongs(_ctypes.Array):  # type: ignore[type-arg]
    """unsigned long[3]."""

    _type_ = UnsignedLong
    _length_ = 3


class Function(_ctypes.CFuncPtr):
    """A function of C that sets errno; other Python threads run meanwhile."""

    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = Long


class KeepsTheLock(_ctypes.CFuncPtr):
    """A function during which no other Python thread runs: fork's child needs that."""

    _flags_ = Function._flags_ | _ctypes.FUNCFLAG_PYTHONAPI
    _restype_ = Long


_everything = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]


def _raise_errno(result: int, _function: object, _arguments: object) -> int:
    if result == -1:
        raise OSError(_ctypes.get_errno(), "")
    return result


def texts(words: "Sequence[bytes]") -> "Any":
    """Return char *[], with NULL at its end."""
    length = len(words) + 1
    kind = type("Texts", (_ctypes.Array,), {"_type_": Text, "_length_": length})
    return kind(*words, None)


def declare(
    name: str, result: object, *arguments: object, kind: "Any" = Function
) -> "Callable[..., int]":
    """Return a function of C with these types; `errno` is raised where it says -1."""
    function = kind(_ctypes.dlsym(_everything, name))
    function.restype = result
    function.argtypes = arguments
    function.errcheck = _raise_errno
    return function  # type: ignore[no-any-return]


def syscall(*arguments: object, kind: "Any" = Function) -> "Callable[..., int]":
    """Return `syscall`, for a call with these arguments; the number comes first."""
    return declare("syscall", Long, Long, *arguments, kind=kind)
