"""The workshop in its image: the shell, the notebooks, JupyterLab."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import nbformat
import pytest
import websocket

from tests.conftest import wait_until
from tests.image.conftest import NAME, TOP, VOLUME, Image, build, output


def make(image: Image, target: str) -> list[str]:
    return ["make", "-s", f"ENGINE={image.engine}", f"IMAGE={NAME}", target]


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("cfs run hostname", r"cfs-container\n"),
        ("cfs run ps", r" +PID TTY +TIME CMD\n +1 .* cfs\n +2 .* ps\n"),
        (
            "cfs run mount",
            r"overlay on / .*\nproc on /proc .*\n(tmpfs|devpts|proc) on .*\n",
        ),
        ("hostname", r"workshop\n"),
    ],
)
def test_what_is_typed_in_the_shell(image: Image, typed: str, printed: str) -> None:
    done = subprocess.run(
        make(image, "shell"), cwd=TOP, input=typed, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(printed, done.stdout), done.stdout


def test_the_notebooks_print_in_it_what_they_should(image: Image) -> None:
    tag = f"{NAME}-nbval"
    build(image.engine, tag=tag, target="test")
    nbval = "python -m pytest -q -p no:cacheprovider --nbval --nbval-sanitize-with"
    where = ("/opt/sanitize.cfg", "/opt/notebooks")
    done = image.run(*nbval.split(), *where, tag=tag)

    assert done.returncode == 0, done.stdout


def test_an_early_ctrl_c_leaves_no_container(image: Image) -> None:
    with subprocess.Popen(
        make(image, "run"), cwd=TOP, stdout=subprocess.DEVNULL, process_group=0
    ) as running:
        assert wait_until(lambda: bool(image.containers()))
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does at Ctrl-C

    assert not image.containers()


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that runs, by its address and its token."""

    port: int
    token: str

    def ask(
        self, path: str, body: bytes | None = None, token: str | None = None
    ) -> Any:
        """Ask the server for something; a `body` makes something."""
        request = urllib.request.Request(f"http://localhost:{self.port}{path}", body)
        request.add_header("Authorization", f"token {token or self.token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read().decode()
        return json.loads(text) if path.startswith("/api") else text

    def execute(self, kernel: str, codes: list[str]) -> list[str]:
        """Run cells in a kernel; return how each ended: ok, or error."""
        url = f"ws://localhost:{self.port}/api/kernels/{kernel}/channels?token={self.token}"
        connection = websocket.create_connection(url, timeout=60)
        ends = []
        for number, code in enumerate(codes):
            message = {
                "channel": "shell",
                "header": {"msg_id": f"{number}", "msg_type": "execute_request"},
                "parent_header": {},
                "metadata": {},
                "content": {"code": code, "silent": False, "stop_on_error": False},
            }
            connection.send(json.dumps(message))
            while True:
                reply = json.loads(connection.recv())
                if reply["msg_type"] == "execute_reply":
                    break
            ends.append(reply["content"]["status"])
        connection.close()
        return ends


@pytest.fixture(scope="module")
def lab(image: Image) -> Generator[Lab]:
    """Run `make run` where port 8888 is taken, and end it with Ctrl-C."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 8888))
        taken.listen()
        with subprocess.Popen(
            make(image, "run"),
            cwd=TOP,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        ) as running:
            try:
                yield _address(running)
            finally:
                os.killpg(running.pid, signal.SIGINT)
    assert wait_until(lambda: not image.containers())
    assert VOLUME in output([image.engine, "volume", "ls", "--quiet"]).split()


def _address(running: subprocess.Popen[str]) -> Lab:
    assert running.stdout
    for line in running.stdout:
        if found := re.search(r"http://localhost:(\d+)/lab\?token=(\w+)", line):
            return Lab(int(found[1]), found[2])
    raise AssertionError("it ended before it had printed an address")


def test_it_answers_at_another_port_if_ours_is_taken(lab: Lab) -> None:
    assert lab.port != 8888
    assert "<title>JupyterLab</title>" in lab.ask("/lab")


def test_it_is_for_this_machine_alone(image: Image, lab: Lab) -> None:
    [ports] = image.containers(".Ports")

    assert f"127.0.0.1:{lab.port}->8888" in ports
    assert "0.0.0.0" not in ports


def test_nobody_gets_in_without_the_token(lab: Lab) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        lab.ask("/api/contents", token="guessed")


def test_a_notebook_runs_in_it(lab: Lab) -> None:
    model = lab.ask("/api/contents/work/01-hostname.ipynb")
    notebook = nbformat.reads(json.dumps(model["content"]), as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    kernel = lab.ask("/api/kernels", b'{"path": "work/01-hostname.ipynb"}')["id"]
    ends = lab.execute(kernel, [cell.source for cell in cells])

    fail = ["raises-exception" in cell.metadata.get("tags", []) for cell in cells]
    assert ends == ["error" if failing else "ok" for failing in fail]


def test_it_is_healthy_as_long_as_jupyterlab_answers(image: Image) -> None:
    options = [*image.options(), "--env=JUPYTER_TOKEN=token"]
    often = ["--health-interval=1s", "--health-retries=1"]
    words = [image.engine, "run", "--detach", *options, *often, NAME]
    container = output(words).strip()
    try:
        assert wait_until(lambda: _health(image, container) == "healthy", 60)
        stop = ["pkill", "-STOP", "-f", "jupyter-lab"]
        output([image.engine, "exec", container, *stop])
        assert wait_until(lambda: _health(image, container) == "unhealthy", 60)
    finally:
        output([image.engine, "rm", "--force", container])


def _health(image: Image, container: str) -> str:
    """Return what the engine says; Podman does not look unasked without systemd."""
    if "podman" in output([image.engine, "--version"]):
        look = [image.engine, "healthcheck", "run", container]
        done = subprocess.run(look, stdout=subprocess.DEVNULL)
        return "unhealthy" if done.returncode else "healthy"
    state = "{{.State.Health.Status}}"
    return output([image.engine, "inspect", "--format", state, container]).strip()


def test_what_a_participant_made_is_there_the_next_time(image: Image) -> None:
    for typed in ("echo mine >work/00-start-here.ipynb", "true"):
        subprocess.run(
            make(image, "shell"), cwd=TOP, input=typed, text=True, check=True
        )
    kept = subprocess.run(
        make(image, "shell"),
        cwd=TOP,
        input="cat work/00-start-here.ipynb; ls work cfslib/cli/entry.py",
        stdout=subprocess.PIPE,
        text=True,
    )

    assert kept.stdout.startswith("mine\n")
    assert "05-cfs-run.ipynb" in kept.stdout
    assert "cfslib/cli/entry.py" in kept.stdout
