"""costs: what `cfs run` pays before its container runs, in imports and instructions."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.bench import commands, trials, ways
from tests.bench.box import HERE, Box, compile_c, compile_floor

PATIENCE = 60  # seconds: under valgrind a program takes fifty times as long
NOT_COUNTED = ("systemd-nspawn", "podman")  # what they start outlives a failure


def imports(box: Box, _rounds: int) -> list[tuple[int, str]]:
    """List what `cfs run true` imports: microseconds, and the module."""
    program, *words = commands.installed()
    shebang = Path(program).read_bytes().partition(b"\n")[0].split()
    if shebang[0].startswith(b"#!"):  # -X works only beside the flags that stand there
        words = [*(word.decode() for word in shebang[1:]), program, *words]
    words = [sys.executable, "-X", "importtime", *words, "run", box.command]
    done = _run(box, words)
    found = re.findall(r"import time: +(\d+) \| +\d+ \| +(\S+)", done.stderr)
    return sorted(((int(us), name) for us, name in found), reverse=True)


def instructions(box: Box, _rounds: int) -> dict[str, object]:
    """Count instructions with perf(1), kernel and all, or else with valgrind(1)."""
    with trials.all_ways(box) as all_ways:
        ways_to_count = [commands.python(), *all_ways]
        words = {
            way.name: tuple("counted" if word == "NAME" else word for word in way.words)
            for way in ways_to_count
            if way.words and way.name not in NOT_COUNTED
        }
        counts = {name: _by_perf(box, each) for name, each in words.items()}
        refusal = counts[commands.PYTHON]
        if isinstance(refusal, int):
            return {"by": "perf, those of the kernel included", "counts": counts}
        counts = _by_valgrind(box, words)
        return {"by": f"valgrind, in user space only ({refusal})", "counts": counts}


def _by_perf(box: Box, words: Sequence[str]) -> int | str:
    if not (perf := shutil.which("perf")):
        return "perf is not installed; on Debian: apt install linux-perf"
    done = _run(box, [perf, "stat", "-x,", "-e", "instructions", "--", *words])
    value = done.stderr.strip().rpartition("\n")[2].partition(",")[0]
    return int(value) if value.isdecimal() else f"perf says: {value or done.stderr}"


def _by_valgrind(box: Box, words: Mapping[str, Sequence[str]]) -> dict[str, int | str]:
    if not shutil.which("valgrind"):
        reason = "valgrind is not installed; on Debian: apt install valgrind"
        return dict.fromkeys(words, reason)
    with tempfile.TemporaryDirectory() as own:
        library, floor = Path(own, "countable.so"), Path(own, "floor")
        compile_c(HERE / "countable.c", library, "-fPIC", linked="-shared")
        compile_floor(floor, linked="-pie")  # or nothing can be preloaded
        there = {ways.FLOOR: str(floor)}
        return {
            name: _counted(box, [there.get(name, program), *others], library)
            for name, (program, *others) in words.items()
        }


def _counted(box: Box, words: Sequence[str], library: Path) -> int | str:
    _run(box, words)  # the first time is not the usual one
    with tempfile.TemporaryFile("w+") as log:
        # Not on the command line, which a container's PID 1 overwrites.
        options = f"--vgdb=no --callgrind-out-file=/dev/null --log-fd={log.fileno()}"
        env = {"LD_PRELOAD": str(library), "VALGRIND_OPTS": options}
        try:
            done = _run(box, ["valgrind", "--tool=callgrind", *words], env, log)
        except subprocess.TimeoutExpired:
            return f"did not end within {PATIENCE} seconds under valgrind"
        log.seek(0)
        text = log.read()
    if done.returncode == 0:
        return sum(map(int, re.findall(r"Collected : (\d+)", text)))
    said = [*re.findall("unhandled.*", text), *done.stderr.strip().splitlines()[-1:]]
    return f"fails under valgrind: {said[0] if said else f'exit {done.returncode}'}"


def _run(
    box: Box, words: Sequence[str], env: Mapping[str, str] = {}, *kept: IO[str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        env={**_environment(box), **env},
        input="\n",  # the floor makes a container for each line
        capture_output=True,
        text=True,
        pass_fds=[file.fileno() for file in kept],
        timeout=PATIENCE,
    )


def _environment(box: Box) -> dict[str, str]:
    return {**os.environ, "CFS_ROOTFS": str(box.rootfs)}
