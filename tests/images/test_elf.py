"""What a program file says about itself; `ldd` is the judge in test_needs.py."""

import os
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
