import os
import re
from pathlib import Path

import pytest

from cfslib.isolation.seccomp import calls
from tests.isolation.seccomp import x86

pytestmark = pytest.mark.alike

NUMBERED = re.compile(r"^#define __NR_(\w+) (\d+)$", re.MULTILINE)
# What compilers on this machine take the numbers from: of another kernel than ours.
HEADERS = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "i386": "/usr/include/x86_64-linux-gnu/asm/unistd_32.h",
    "aarch64": "/usr/include/asm-generic/unistd.h",
    "riscv64": "/usr/include/asm-generic/unistd.h",
}


@pytest.mark.parametrize("name", HEADERS)
def test_the_headers_of_this_machine_agree(name: str) -> None:
    header = Path(HEADERS[name])
    if not header.exists():
        pytest.skip(f"there is no {header}: on Debian, apt install linux-libc-dev")
    ours = calls.numbers(name)
    theirs = {
        word: int(number) for word, number in NUMBERED.findall(header.read_text())
    }
    both = ours.keys() & theirs.keys()

    assert {word: ours[word] for word in both} == {word: theirs[word] for word in both}
    assert len(both) > len(ours) * 0.8  # the generic header writes some otherwise


def test_no_number_has_two_calls() -> None:
    for sets in calls.SETS.values():
        for name in sets:
            assert len(set(calls.numbers(name).values())) == len(calls.numbers(name))


def test_new_calls_are_alike_on_all_machines() -> None:
    for sets in calls.SETS.values():
        for name in sets:
            assert calls.numbers(name)["openat2"] == 437


@x86.needs_32_bits
def test_the_kernel_has_another_set_for_32_bits() -> None:
    assert x86.call(calls.numbers("i386")["getpid"]) == os.getpid()


def test_calls_of_other_machines_are_known_by_name() -> None:
    assert {"set_tls", "s390_pci_mmio_read"} <= calls.every_name()
    assert "set_tls" not in calls.numbers("x86_64")
