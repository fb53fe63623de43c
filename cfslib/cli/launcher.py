"""launcher: write a `cfs` that starts as fast as Python can.

    python -m cfslib.cli.launcher .venv/bin/cfs

What pip writes starts Python with site packages, and so with all that their .pth files
import: a third of the time of `cfs run true`, and nothing that we need.  This `cfs` has
the options -I and -S in its first line: no site packages, no variables, no user's
directory.  Where the path of Python does not fit into such a line, pip's `cfs` stays.
"""

import os
import sys
from pathlib import Path

LONGEST = 127  # bytes of a first line that every kernel reads: execve(2)
PROGRAM = """\
{first_line}
import gc
import posix
import sys

gc.disable()  # there is no garbage, and what is imported stays
libraries = sys.path
sys.path = [libraries[-1], {package!r}]  # to begin with, fewer directories to search
try:
    from cfslib.cli.finder import Finder

    sys.meta_path.insert(0, Finder)
    from cfslib.cli import entry

    sys.path = [*libraries, {package!r}]
    code = entry.main()
except (ImportError, MemoryError, OSError, SystemError):  # too little even to say it
    posix.write(2, b"cfs: Python cannot load what it takes\\n"
    b"  Hint: a limit is too low, see `ulimit -a`, or the installation is broken.\\n")
    code = 125
sys.exit(code)
"""


def write(path: Path) -> bool:
    """Write the command to `path`; return whether it could be written that way."""
    first_line = f"#!{os.path.realpath(sys.executable)} -IS"
    if len(os.fsencode(first_line)) > LONGEST or len(first_line.split()) != 2:
        return False
    package = str(Path(__file__).parents[2])
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(PROGRAM.format(first_line=first_line, package=package))
    draft.chmod(0o755)
    draft.replace(path)
    return True


if __name__ == "__main__":
    write(Path(sys.argv[1]))
