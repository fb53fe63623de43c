"""JupyterLab as `make lab` starts it, with directories of its own."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import nbformat
import websocket

TOP = Path(__file__).parents[2]
PATHS = {path.stem: path for path in sorted((TOP / "notebooks").glob("*.ipynb"))}
COPIES = "work"
PATIENCE = 60  # seconds for the server to start, or a kernel
TOKEN = "for-this-run-alone"
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
SETTINGS = {
    # The theme follows the browser's colour scheme, which a test can switch.
    "themes": {"adaptive-theme": True},
}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    root: Path  # where it was started
    home: Path  # of its user

    def address(self, notebook: str) -> str:
        """Return where a notebook can be opened, with no other beside it."""
        return f"{self.url}lab/tree/{COPIES}/{notebook}.ipynb?token={TOKEN}&reset"

    def copy(self, notebook: str) -> Path:
        """Return the file of a participant's copy."""
        return self.root / f"{COPIES}/{notebook}.ipynb"

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook with these code cells and return its name."""
        made = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": KERNEL},  # or JupyterLab asks which one
        )
        nbformat.write(made, self.copy(name))
        return name

    def wait_for_kernel(self, notebook: str) -> None:
        """Wait until a browser is connected to it, and it has nothing to do."""
        end = time.monotonic() + PATIENCE
        while not self._is_at_rest(notebook):
            assert time.monotonic() < end, f"no kernel for {notebook}"
            time.sleep(0.1)

    def end_kernel(self, notebook: str) -> None:
        """End the kernel of a notebook."""
        for session in self._sessions(notebook):
            self._ask("DELETE", f"api/sessions/{session['id']}")

    def types(self, line: str) -> str:
        """Type a line in a terminal of JupyterLab; return what it prints."""
        name = json.loads(self._ask("POST", "api/terminals"))["name"]
        url = self.url.replace("http", "ws", 1)
        place = f"{url}terminals/websocket/{name}?token={TOKEN}"
        terminal = websocket.create_connection(place, timeout=PATIENCE)
        try:
            # Its echo has the quotes, and so is not what is looked for.
            terminal.send(json.dumps(["stdin", f"echo be''gin; {line}; echo e''nd\r"]))
            said = ""
            while "end" not in said:
                kind, *text = json.loads(terminal.recv())
                said += text[0] if kind == "stdout" else ""
        finally:
            terminal.close()
            self._ask("DELETE", f"api/terminals/{name}")
        return said.partition("begin")[2].partition("end")[0].strip()

    def _is_at_rest(self, notebook: str) -> bool:
        return any(
            session["kernel"]["execution_state"] == "idle"
            and session["kernel"]["connections"]
            for session in self._sessions(notebook)
        )

    def _sessions(self, notebook: str) -> list[dict[str, Any]]:
        every = json.loads(self._ask("GET", "api/sessions"))
        return [session for session in every if Path(session["path"]).stem == notebook]

    def _ask(self, method: str, path: str) -> bytes:
        asked = Request(f"{self.url}{path}", method=method)
        asked.add_header("Authorization", f"token {TOKEN}")
        try:
            with urlopen(asked) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            # Of a kernel that is starting or ending, the server may know only half.
            if error.code != 500:
                raise
            time.sleep(1)
            with urlopen(asked) as answer:
                return bytes(answer.read())


def command() -> list[str]:
    """Return the command with which `make lab` starts it, as make itself says."""
    make = ["make", "--dry-run", "lab"]
    said = subprocess.run(make, cwd=TOP, capture_output=True, text=True, check=True)
    lines = said.stdout.replace("\\\n", " ").splitlines()
    (line,) = (line for line in lines if "cfs workshop" in line)
    return shlex.split(line.partition("&&")[2])


@contextmanager
def running(place: Path) -> Generator[Lab]:
    """Start JupyterLab where there is no copy yet; end it and its kernels."""
    root, home = place / "checkout", place / "home"
    root.mkdir()
    _set_up(home)
    words = [
        *command(),
        "--",
        "--no-browser",
        "--ServerApp.port=0",
        f"--IdentityProvider.token={TOKEN}",
    ]
    with (
        (place / "log").open("wb") as log,
        subprocess.Popen(
            words, cwd=root, env=_environment(home), stdout=log, stderr=log
        ) as server,
    ):
        try:
            yield Lab(_url(server, home, place / "log"), root, home)
        finally:
            server.terminate()


def _set_up(home: Path) -> None:
    folder = home / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension"
    folder.mkdir(parents=True)
    for name, settings in SETTINGS.items():
        (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(settings))


def _environment(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of the caller's Jupyter shows."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "IPYTHON", "XDG", "PYTHON", "CFS"))
    }
    return kept | {
        "HOME": str(home),
        "PATH": f"{Path(sys.prefix) / 'bin'}:{kept['PATH']}",
    }


def _url(server: subprocess.Popen[bytes], home: Path, log: Path) -> str:
    """Wait until the server serves, and return where."""
    told = home / f".local/share/jupyter/runtime/jpserver-{server.pid}.json"
    end = time.monotonic() + PATIENCE
    while not told.exists() or not told.read_text():  # it is made, and then written
        ended = server.poll() is not None or time.monotonic() > end
        assert not ended, f"no JupyterLab: {log.read_text()}"
        time.sleep(0.05)
    return str(json.loads(told.read_text())["url"])
