"""A container that goes on, from Python: with one thread, and with several."""

import os
import signal
import threading
from collections.abc import Generator

import pytest

from cfslib.runtime import running
from cfslib.runtime.errors import CannotExecute
from cfslib.runtime.spec import Spec
from tests.conftest import needs_namespaces, wait_until
from tests.life import Life, life

pytestmark = needs_namespaces
SHELL = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep .1; done"


@pytest.fixture(params=[1, 2], ids="threads={}".format)
def lives(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Generator[Life]:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    with life() as found:
        monkeypatch.setenv("XDG_RUNTIME_DIR", found.env["XDG_RUNTIME_DIR"])
        if request.param > 1:
            thread.start()
        yield found
        end.set()
        if request.param > 1:
            thread.join()


def test_a_container_is_entered_stopped_and_forgotten(lives: Life) -> None:
    with running.start(Spec(["sh", "-c", SHELL]), name="box") as container:
        done = container.exec(
            ["sh", "-c", "echo $A; echo oh >&2; exit 3"], env={"A": "1"}
        )
        assert (done.code, done.stdout, done.stderr) == (3, "1\n", "oh\n")
        assert container.exec(["pwd"], workdir="/tmp").stdout == "/tmp\n"
        assert container.status == "running"
        assert container.name == "box" in lives.did("ps")
        assert wait_until(lambda: container.logs() == "up\n")
        assert container.stop() == container.wait() == container.stop() == 7
        assert container.logs() == "up\nbye\n"
        assert container.status == "ended"
    assert lives.every() == []
    container.remove()


def test_what_goes_wrong_is_raised(lives: Life) -> None:
    with pytest.raises(CannotExecute, match="nosuch: No such file"):
        running.start(Spec(["nosuch"]))
    assert lives.every() == []
    with running.start(Spec(["sleep", "1000"])) as container:
        with pytest.raises(CannotExecute, match="nosuch: No such file"):
            container.exec(["nosuch"])
        with pytest.raises(FileExistsError, match="is taken"):
            running.start(Spec(["true"]), name=container.name)
        with pytest.raises(OSError, match="more than 9 bytes"):
            container.exec(["seq", "100"], most=9)
        container.stop(0)
        with pytest.raises(ProcessLookupError, match="does not run"):
            container.exec(["true"])


def test_it_goes_on_and_is_found_again(lives: Life) -> None:
    container = running.start(Spec(["sleep", "1000"]))

    found = running.find(container.id[:12])
    assert found.exec(["hostname"]).stdout == "cfs-container\n"
    assert repr(found) == f"Running('{container.id[:12]}')"
    found.remove()


def test_while_one_waits_another_thread_can_go_on(lives: Life) -> None:
    with running.start(Spec(["sleep", "1000"])) as container:
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(container.wait()))
        thread.start()
        assert container.exec(["true"]).code == 0
        lives.did("kill", container.id)
        thread.join()
        assert codes == [128 + signal.SIGKILL]
    assert os.getpid()
