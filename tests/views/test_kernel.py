"""A kernel of ours draws cards for our notebooks, and leaves others alone."""

import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from cfslib.lessons import handout
from tests.conftest import SLOWNESS

PATIENCE = 60 * SLOWNESS
Outputs = list[dict[str, Any]]
Run = Callable[..., Outputs]

ASK = """
from cfslib.lessons.predictions import Choice, Question
from cfslib.views import quiz
both = (Choice("2", "Once for each.", right=True), Choice("1", "Who waits?"))
quiz.ask(Question("01-hostname/how-many", "How many?", both)).choose("1")
"""
CHECK = """
from cfslib.lessons import Point, Verdict
Verdict(("01-hostname", 1), (Point("it is so", True, ""),))
"""
EXIT = """
from cfslib.children.in_child import in_child
try:
    in_child(lambda: exit(7))
except SystemExit as end:
    print("ended with", end.code)
"""


@pytest.fixture
def start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[Callable[[Path], Run]]:
    """Return a function that starts the kernel of a notebook, and one to run cells."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    manager = KernelManager(kernel_name="python3")

    def started(notebook: Path) -> Run:
        environment = os.environ | {"JPY_SESSION_NAME": str(notebook)}
        manager.start_kernel(env=environment, cwd=str(tmp_path))
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=PATIENCE)
        return lambda code, *tags: run(client, code, *tags)

    yield started
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run(client: BlockingKernelClient, code: str, *tags: str) -> Outputs:
    """Run a cell with tags, as JupyterLab does; return what it shows."""
    content = {
        "code": code,
        "silent": False,
        "store_history": True,
        "stop_on_error": False,
    }
    asked = client.session.msg(
        "execute_request", content, metadata={"tags": list(tags)}
    )
    client.shell_channel.send(asked)
    shown: Outputs = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        message = client.get_iopub_msg(timeout=PATIENCE)
        if message["parent_header"].get("msg_id") != asked["header"]["msg_id"]:
            continue
        if message["content"].get("execution_state") == "idle":
            return shown
        if message["msg_type"] in ("display_data", "execute_result", "error", "stream"):
            shown.append(message["content"])
    raise TimeoutError("the cell does not end")


def html(outputs: Outputs) -> str:
    return "".join(output.get("data", {}).get("text/html", "") for output in outputs)


def test_our_notebook_has_cards(start: Callable[[Path], Run], tmp_path: Path) -> None:
    run = start(tmp_path / "01-hostname.ipynb")

    (error,) = run("1 / 0", "raises-exception")
    assert "Refused on purpose" in error["traceback"][0]
    assert "cfs-note" in html(run(CHECK))
    assert not html(run("pass", "tells:how-many"))
    run(ASK)
    for stopped in ("raise KeyboardInterrupt", "not_known_yet"):
        assert not html(run(stopped, "tells:how-many"))
    told = html(run("print('two')", "tells:how-many"))
    assert "You said “1”; it is “2”." in told


def test_run_before_its_import_is_no_magic(
    start: Callable[[Path], Run], tmp_path: Path
) -> None:
    run = start(tmp_path / "00-start-here.ipynb")

    (error,) = run('run(Spec(["ps", "-e"]))')
    assert "NameError" in error["traceback"][0]


def test_exit_ends_a_child(start: Callable[[Path], Run], tmp_path: Path) -> None:
    (printed,) = start(tmp_path / "01-hostname.ipynb")(EXIT)

    assert printed["text"] == "ended with 7\n"


def test_another_notebook_is_left_alone(
    start: Callable[[Path], Run], tmp_path: Path
) -> None:
    run = start(tmp_path / "Untitled.ipynb")

    (error,) = run("1 / 0", "raises-exception")
    assert "Traceback" in "".join(error["traceback"])
    assert not html(run(CHECK))


def test_who_has_an_older_copy_is_told_once(
    start: Callable[[Path], Run], tmp_path: Path
) -> None:
    handout.lay_out(tmp_path)
    copy = tmp_path / "01-hostname.ipynb"
    listed = tmp_path / handout.LIST
    listed.write_text(
        listed.read_text().replace('"01-hostname": "', '"01-hostname": "0')
    )
    run = start(copy)

    assert "There is a newer one" in html(run("pass"))
    assert not html(run("pass"))
