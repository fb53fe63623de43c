"""costs: what `cfs run` pays before its container runs, in imports and instructions."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench import ways
from tests.bench.box import Box


def imports(box: Box, _rounds: int) -> list[tuple[int, str]]:
    """List what `cfs run true` imports: microseconds, and the module."""
    env = {**os.environ, "CFS_ROOTFS": str(box.rootfs)}
    program, *words = ways.cfs()
    shebang = Path(program).read_bytes().partition(b"\n")[0].split()
    if shebang[0].startswith(b"#!"):  # -X works only beside the flags that stand there
        words = [*(word.decode() for word in shebang[1:]), program, *words]
    words = [sys.executable, "-X", "importtime", *words, "run", box.command]
    done = subprocess.run(words, env=env, stderr=subprocess.PIPE, text=True, check=True)
    found = re.findall(r"import time: +(\d+) \| +\d+ \| +(\S+)", done.stderr)
    return sorted(((int(us), name) for us, name in found), reverse=True)


def instructions(box: Box, _rounds: int) -> dict[str, int] | str:
    """Count instructions, kernel and all, where perf(1) can."""
    if not (perf := shutil.which("perf")):
        return "perf is not installed; on Debian: apt install linux-perf"
    counted: dict[str, int] = {}
    env = {**os.environ, "CFS_ROOTFS": str(box.rootfs)}
    for way in (ways.ours(box)[-1], ways.python()):
        words = [perf, "stat", "-x,", "-e", "instructions", "--", *way.words]
        done = subprocess.run(words, env=env, capture_output=True, text=True)
        value = done.stderr.strip().rpartition("\n")[2].partition(",")[0]
        if not value.isdecimal():
            return f"perf cannot count instructions here: {value or 'no answer'}"
        counted[way.name] = int(value)
    return counted
