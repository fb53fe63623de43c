"""elf: what a program file says about itself.

A program begins with the bytes 7f 'E' 'L' 'F' and a table of its parts.  One part names
the loader; another lists the libraries that the loader has to bring.  Format: elf(5).

    >>> found = read(Path("/proc/self/exe"))
    >>> found is not None and any(name.startswith("libc.") for name in found.libraries)
    True

Only the files of 64-bit little-endian machines are read: x86-64, ARM, RISC-V, POWER.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, the low byte first
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3  # kinds of parts: PT_LOAD, PT_DYNAMIC, PT_INTERP
_END, _NEEDED, _STRINGS = 0, 1, 5  # kinds of dynamic entries: DT_NULL, ...


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
    if data[: len(_MAGIC)] != _MAGIC:
        return None
    try:
        parts = list(_parts(data))
        names = [_text(data, part.offset) for part in parts if part.kind == _INTERP]
        return Program(names[0] if names else None, tuple(_libraries(data, parts)))
    except (struct.error, ValueError, OverflowError):
        return None  # cut short, or not what it says it is


def _parts(data: bytes | mmap.mmap) -> Iterator[_Part]:
    start, each, count = struct.unpack_from("<32xQ14xHH", data)
    for number in range(count):
        fields = struct.unpack_from("<I4xQQ8xQ", data, start + number * each)
        yield _Part(*fields)


def _libraries(data: bytes | mmap.mmap, parts: list[_Part]) -> Iterator[str]:
    for part in parts:
        if part.kind == _DYNAMIC:
            entries = list(_entries(data, part))
            # The names are in a table that is given by its place in memory.
            tables = [value for tag, value in entries if tag == _STRINGS]
            for tag, value in entries:
                if tag == _NEEDED:
                    yield _text(data, _in_file(tables[0], parts) + value)


def _entries(data: bytes | mmap.mmap, part: _Part) -> Iterator[tuple[int, int]]:
    for place in range(part.offset, part.offset + part.size, 16):
        tag, value = struct.unpack_from("<QQ", data, place)
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
