"""elf: what a program file says about itself.

A program begins with the bytes 7f 'E' 'L' 'F' and a table of its parts.  One part names
the loader; another lists the libraries that the loader has to bring.  Format: elf(5).

    >>> found = read(Path("/proc/self/exe"))
    >>> found is not None and any(name.startswith("libc.") for name in found.libraries)
    True

Only the files of little-endian machines are read: x86, ARM, RISC-V, POWER.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_MAGIC = b"\x7fELF"
_KIND = slice(4, 6)  # of file: see _FORMATS
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3  # kinds of parts: PT_LOAD, PT_DYNAMIC, PT_INTERP
_END, _NEEDED, _STRINGS = 0, 1, 5  # kinds of dynamic entries: DT_NULL, ...


class _Format(NamedTuple):
    """Where the numbers stand, in the words of the module `struct`."""

    head: str  # where the table of parts is, the size of a row, the number of rows
    part: str  # a row
    entry: str  # of the table of libraries


_FORMATS = {  # by the bytes for 32 or 64 bits, and for the low byte first
    b"\x01\x01": _Format("<28xI10xHH", "<III4xI", "<II"),
    b"\x02\x01": _Format("<32xQ14xHH", "<I4xQQ8xQ", "<QQ"),
}


@dataclass(frozen=True)
class Program:
    """What a program or a library asks for."""

    loader: str | None  # a path; a library and a static program have none
    libraries: tuple[str, ...]  # by name: where they are is the loader's business


class _Part(NamedTuple):
    kind: int
    offset: int  # in the file
    address: int  # in memory
    size: int  # in the file


def read(file: Path) -> Program | None:
    """Return what a file asks for; None if it is no such file."""
    with file.open("rb") as opened:
        if opened.read(len(_MAGIC)) != _MAGIC:
            return None
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return parse(data)


def parse(data: bytes | mmap.mmap) -> Program | None:
    """Return what the bytes of a file ask for; None if they make no sense."""
    form = _FORMATS.get(data[_KIND])
    if data[: len(_MAGIC)] != _MAGIC or not form:
        return None
    try:
        parts = list(_parts(data, form))
        names = [_text(data, part.offset) for part in parts if part.kind == _INTERP]
        libraries = tuple(_libraries(data, form, parts))
        return Program(names[0] if names else None, libraries)
    except (struct.error, ValueError, OverflowError, IndexError):
        return None  # cut short, or not what it says it is


def _parts(data: bytes | mmap.mmap, form: _Format) -> Iterator[_Part]:
    start, each, count = struct.unpack_from(form.head, data)
    for number in range(count):
        yield _Part(*struct.unpack_from(form.part, data, start + number * each))


def _libraries(
    data: bytes | mmap.mmap, form: _Format, parts: list[_Part]
) -> Iterator[str]:
    for part in parts:
        if part.kind == _DYNAMIC:
            entries = list(_entries(data, form, part))
            # The names are in a table that is given by its place in memory.
            tables = [value for tag, value in entries if tag == _STRINGS]
            for tag, value in entries:
                if tag == _NEEDED:
                    yield _text(data, _in_file(tables[0], parts) + value)


def _entries(
    data: bytes | mmap.mmap, form: _Format, part: _Part
) -> Iterator[tuple[int, int]]:
    each = struct.calcsize(form.entry)
    for place in range(part.offset, part.offset + part.size, each):
        tag, value = struct.unpack_from(form.entry, data, place)
        if tag == _END:
            return
        yield tag, value


def _in_file(address: int, parts: list[_Part]) -> int:
    for part in parts:
        if part.kind == _LOAD and part.address <= address < part.address + part.size:
            return address - part.address + part.offset
    raise ValueError("an address that is in no part of the file")


def _text(data: bytes | mmap.mmap, start: int) -> str:
    end = data.find(b"\0", start)
    if not 0 <= start < end:
        raise ValueError("a name without an end")
    return data[start:end].decode(errors="surrogateescape")
