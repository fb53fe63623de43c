"""rehearsal: run a notebook as it is saved, to see what its checks say.

It runs from top to bottom in a process of its own, so nothing of the notebook that is
open changes.  What a check finds done goes into the `journal`, as always.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cfslib.images.host_tools import Progress, unseen


def perform(path: Path, progress: Progress = unseen) -> None:
    """Run the cells of a notebook; one that fails does not stop the others."""
    total = len(_code(path))
    words = [
        sys.executable,
        "-c",
        "from cfslib.lessons import rehearsal; rehearsal.play()",
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(_whole, sys.path))}
    with subprocess.Popen(
        [*words, path.name],
        cwd=path.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as player:
        assert player.stdout
        progress(0, total)
        for done, _ in enumerate(player.stdout, start=1):
            progress(done, total)
    if player.returncode:
        raise ChildProcessError(f"{path.name} did not get to its end")


def play() -> None:
    """Be the process: run the cells one by one, write a line after each."""
    finished = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the cells print
    names = {"__name__": "__main__"}
    for source in _code(Path(sys.argv[1])):
        with suppress(Exception):  # many fail on purpose
            exec(source, names)
        print("done", file=finished)


def _code(path: Path) -> Sequence[str]:
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def _whole(place: str) -> str:
    return os.path.abspath(place)  # "" is where we are, and not where it runs
