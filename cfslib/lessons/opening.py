"""opening: JupyterLab, on a participant's copy of the notebooks."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from cfslib.lessons import handout


def open_lab(copies: Path, options: Sequence[str]) -> NoReturn:
    """Become JupyterLab, with the first chapter open; it takes further options.

    Its terminals find `cfs`, since what is beside us comes first in their PATH.
    """
    lab = _beside("jupyter-lab")
    path = f"{Path(lab).parent}:{os.environ.get('PATH', os.defpath)}"
    words = [lab, *_settings(copies.resolve(), Path.cwd()), *options]
    os.execve(lab, words, os.environ | {"PATH": path})


def _settings(copies: Path, here: Path) -> Iterator[str]:
    """Yield options; what is beside the copies can be read in JupyterLab too."""
    root = here if copies.is_relative_to(here) else copies
    first = (copies / handout.FIRST).relative_to(root)
    yield f"--ServerApp.root_dir={root}"
    yield f"--LabApp.default_url=/lab/tree/{first}"
    if os.geteuid() == 0:
        yield "--allow-root"


def _beside(name: str) -> str:
    """Return a program of the environment that we are installed in."""
    ours = Path(sys.argv[0]).resolve().with_name(name)
    found = str(ours) if ours.exists() else shutil.which(name)
    if not found:
        error = FileNotFoundError(f"there is no {name} beside cfs")
        error.add_note("Hint: pip install 'cfslib[notebooks]', or `make lab`.")
        raise error
    return found
