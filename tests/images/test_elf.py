"""What a program file says about itself; `ldd` is the judge in test_needs.py."""

import os
import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cfslib.images import elf, host_tools

SH = (host_tools.find("sh") or Path("/bin/sh")).read_bytes()


def test_a_program_names_a_loader_that_is_there() -> None:
    found = elf.parse(SH)

    assert found
    assert found.loader
    assert os.access(found.loader, os.X_OK)


def small(head: str, part: str, entry: str, kind: bytes) -> bytes:
    """Return a program as a 32-bit or a 64-bit linker lays it out."""
    loader, names = b"/lib/ld.so\0", b"\0libseven.so\0"
    start = struct.calcsize(head)
    texts = start + 3 * struct.calcsize(part)
    dynamic = texts + len(loader + names)
    entries = [(5, 0x1000 + texts + len(loader)), (1, 1), (0, 0)]
    table = b"".join(struct.pack(entry, *each) for each in entries)
    end = dynamic + len(table)
    rows = [
        (1, 0, 0x1000, end),
        (3, texts, 0x1000 + texts, len(loader)),
        (2, dynamic, 0x1000 + dynamic, len(table)),
    ]
    parts = b"".join(struct.pack(part, *row) for row in rows)
    first = struct.pack(head, b"\x7fELF" + kind, start, struct.calcsize(part), 3)
    return first + parts + loader + names + table


def test_programs_of_32_bits_are_read_as_well_as_those_of_64() -> None:
    narrow = small("<6s22xI10xHH6x", "<III4xI12x", "<II", b"\1\1")
    wide = small("<6s26xQ14xHH6x", "<I4xQQ8xQ16x", "<QQ", b"\2\1")

    assert elf.parse(narrow) == elf.Program("/lib/ld.so", ("libseven.so",))
    assert elf.parse(wide) == elf.parse(narrow)


def test_a_script_is_no_such_file(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    empty = tmp_path / "empty"
    empty.touch()

    assert elf.read(script) is None
    assert elf.read(empty) is None


@given(st.integers(0, len(SH)), st.binary(max_size=200))
def test_a_damaged_file_is_no_error(place: int, noise: bytes) -> None:
    found = elf.parse(SH[:place] + noise + SH[place + len(noise) :])

    assert found is None or all(isinstance(name, str) for name in found.libraries)


@given(st.integers(0, 0x400), st.binary(min_size=1, max_size=64))
def test_nor_is_one_with_a_damaged_head(place: int, noise: bytes) -> None:
    found = elf.parse(SH[:place] + noise + SH[place + len(noise) :])

    assert found is None or isinstance(found, elf.Program)


@given(st.integers(0, len(SH)))
def test_nor_is_one_that_was_cut_short(length: int) -> None:
    found = elf.parse(SH[:length])

    assert found is None or isinstance(found, elf.Program)
