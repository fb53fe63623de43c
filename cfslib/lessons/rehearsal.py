"""rehearsal: run a notebook as it is saved, to see what its checks say.

It runs from top to bottom in a kernel of its own, as in JupyterLab, so nothing of the
notebook that is open changes.  What a check finds done goes into the `journal`, as
always.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cfslib.images.progress import Progress, unseen

# What the kernel is asked when all cells have run.
WHOSE = "from cfslib.lessons import asked; print(*[name for name, _ in asked][:1])"


def perform(path: Path, progress: Progress = unseen) -> str:
    """Run the cells of a notebook; one that fails does not stop the others.

    Return the name by which the journal knows its exercises: a copy may have another.
    """
    total = len(_code(path))
    # Not in our process: `cfs` starts without the libraries that are installed.
    words = [_python(), "-c", "from cfslib.lessons import rehearsal; rehearsal.play()"]
    with subprocess.Popen(
        [*words, os.path.abspath(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as player:
        assert player.stdout
        assert player.stderr
        progress(0, total)
        lines = [""]
        for done, line in enumerate(player.stdout, start=1):
            lines.append(line.strip())
            if done <= total:
                progress(done, total)
        errors = player.stderr.read().splitlines()
    if player.returncode:
        raise _failed(path.name, errors)
    return lines[-1] or path.stem


def play() -> None:
    """Be the process: write a line after each cell, and last the notebook's name."""
    finished = os.fdopen(os.dup(1), "w", buffering=1)
    sys.stderr = os.fdopen(os.dup(2), "w")  # for what we say ourselves
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):  # for what the kernel prints
        os.dup2(nowhere, number)
    for line in _each(Path(sys.argv[1])):
        print(line, file=finished)


def _each(path: Path) -> Iterator[str]:
    """Run the cells one by one, and then ask for the notebook's name."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError

    sources = _code(path)
    cells = [nbformat.v4.new_code_cell(source) for source in [*sources, WHOSE]]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells),
        kernel_name="python3",
        timeout=None,
        allow_errors=True,  # many fail on purpose
        resources={"metadata": {"path": str(path.parent)}},
    )
    with client.setup_kernel():
        for number, cell in enumerate(cells):
            try:
                client.execute_cell(cell, number)
            except DeadKernelError:
                if number < len(sources):
                    sys.exit(f"its kernel ended after {number} of {len(sources)} cells")
            yield ""
    yield "".join(output.get("text", "") for output in cells[-1].outputs).strip()


def _code(path: Path) -> Sequence[str]:
    """Return the cells of code in a notebook."""
    cells = read(path)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def read(path: Path) -> dict[str, Any]:
    """Return what is in a notebook; raise a `ValueError` if that is none."""
    try:
        saved: dict[str, Any] = json.loads(path.read_text())
        for cell in saved["cells"]:
            "".join(cell["source"]), cell["cell_type"]
    except (ValueError, LookupError, TypeError):
        error = ValueError(f"{path} is no notebook")
        error.add_note("Hint: JupyterLab cannot open it either; bring it back.")
        raise error from None
    return saved


def _python() -> str:
    """Return the interpreter that has what is installed beside us."""
    beside = Path(sys.argv[0]).resolve().with_name("python")
    return str(beside) if sys.flags.no_site and beside.exists() else sys.executable


def _failed(name: str, errors: Sequence[str]) -> ChildProcessError:
    cause = errors[-1] if errors else "it was killed"
    error = ChildProcessError(f"{name} did not get to its end: {cause}")
    if "kernel ended" in cause:
        error.add_note("Hint: exit() ends the kernel, and what comes after it is lost.")
    if "ModuleNotFoundError" in cause:
        error.add_note("Hint: `make setup` installs what notebooks need.")
    return error
