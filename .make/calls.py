"""Write which number each system call has, on each kind of machine.

    python .make/calls.py HEADERS > cfslib/isolation/seccomp/calls.tsv

HEADERS has the kernel's headers for programs, a directory for each kind of machine:
what `make ARCH=x86 headers_install INSTALL_HDR_PATH=HEADERS/x86` writes, and so on; or
what Zig brings along in lib/libc/include.
"""

import re
import sys
from pathlib import Path

# The columns; which kind of machine they are of, and in which file its numbers are.
COLUMNS = {
    "x86_64": ("x86", "unistd_64.h"),
    "i386": ("x86", "unistd_32.h"),
    "aarch64": ("aarch64", "unistd_64.h"),
    "riscv64": ("riscv", "unistd_64.h"),
    "ppc64le": ("powerpc", "unistd_64.h"),
}
DEFINED = re.compile(r"^#define __(?:ARM_)?NR_(\w+)\s+\(?(?:\w+ ?\+ ?)?(\d+)", re.M)
# Numbers that are kept free, and names that are for the headers' own use.
NO_CALL = re.compile(r"(reserved|unused|available)\d+|[A-Z_]+|syscalls|xtensa|usr\d+")
AGAIN = {"arm64": "aarch64"}  # the kernel's name for a directory of ours


def main(headers: str) -> None:
    """Print the table."""
    files = sorted(Path(headers).glob("*/**/asm/unistd*.h"))
    columns = [
        numbers(file)
        for kind, name in COLUMNS.values()
        for file in files
        if file.name == name and kind_of(file, Path(headers)) == kind
    ]
    names = set().union(*map(numbers, files))
    print(f"# Linux {version(Path(headers))}", *COLUMNS, sep="\t")
    for name in sorted(name for name in names if not NO_CALL.fullmatch(name)):
        print(name, *(column.get(name, "-") for column in columns), sep="\t")


def numbers(file: Path) -> dict[str, str]:
    """Return the calls that a header names."""
    return dict(DEFINED.findall(file.read_text()))


def kind_of(file: Path, headers: Path) -> str:
    """Return which kind of machine a header is for: x86 in HEADERS/x86-linux-any."""
    word = file.relative_to(headers).parts[0].split("-")[0]
    return AGAIN.get(word, word)


def version(headers: Path) -> str:
    """Return which kernel the headers are of."""
    text = next(headers.glob("**/linux/version.h")).read_text()
    return ".".join(re.findall(r"_(?:MAJOR|PATCHLEVEL) (\d+)", text))


if __name__ == "__main__":
    main(*sys.argv[1:])
