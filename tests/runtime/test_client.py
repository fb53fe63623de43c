import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from cfslib.kernel import tracing
from cfslib.observe import sightings
from cfslib.runtime import client
from cfslib.runtime.errors import CannotExecute
from cfslib.runtime.run import capture, run
from cfslib.runtime.spec import Spec, Volume
from tests.conftest import is_alive, needs_namespaces, soon_reads, wait_until
from tests.runtime.threads import at_once, by_a_thread, captured, in_a_thread

pytestmark = needs_namespaces


def test_containers_side_by_side_have_their_own_outputs_and_codes() -> None:
    specs = [Spec(["sh", "-c", f"echo {n}; exit {n}"]) for n in range(16)]
    done = at_once(specs)

    assert [(d.stdout, d.code) for d in done] == [(f"{n}\n", n) for n in range(16)]
    assert client.server.pid


def test_many_containers_leave_no_descriptor_open() -> None:
    by_a_thread("true")
    by_a_thread("true")
    pids = ["self", client.server.pid]

    def opened() -> int:
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)

    before = opened()
    for _ in range(20):
        by_a_thread("true")

    assert wait_until(lambda: opened() <= before)  # it closes a moment after it answers


def test_what_is_printed_appears_where_we_print(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = Spec(["sh", "-c", "echo out; echo err >&2; cat; exit 3"])

    assert in_a_thread(lambda: run(spec)) == 3
    assert capsys.readouterr().out == "out\nerr\n"


def test_without_a_term_it_is_dumb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERM", raising=False)

    for _ in range(2):
        assert by_a_thread("sh", "-c", 'echo "$TERM"').stdout == "dumb\n"


def test_the_directory_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "root/bin").mkdir(parents=True)
    by_a_thread("true")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CannotExecute):  # so there is such a rootfs
        captured(Spec(["true"], rootfs="root"))
    monkeypatch.chdir(tmp_path / "root")
    with pytest.raises(FileNotFoundError):
        captured(Spec(["true"], rootfs="root"))


def test_one_that_was_removed_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert by_a_thread("echo", "well").stdout == "well\n"


def test_an_error_arrives_with_its_hint_each_time() -> None:
    for _ in range(2):
        with pytest.raises(CannotExecute, match="no-such-program") as caught:
            by_a_thread("no-such-program")
        assert caught.value.__notes__[0].startswith("Hint: no such program inside")


def test_an_error_of_the_maker_arrives_too(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        captured(Spec(["true"], rootfs=tmp_path / "nothing"))


@pytest.mark.parametrize("word", ["true", "no-such-program"])
def test_the_calls_of_all_processes_are_in_our_trace(word: str) -> None:
    by_a_thread("true")  # a container made ahead would hide how it was made
    with tracing.trace() as calls:
        try:
            by_a_thread(word)
        except CannotExecute:
            assert word != "true"

    names = [call.name for call in calls]
    assert names.index("clone") < names.index("pivot_root")
    assert names[-1] == "posix_spawn"
    assert {call.pid for call in calls} == {1, client.server.pid}


def test_who_does_not_trace_gets_no_calls() -> None:
    with tracing.trace():
        by_a_thread("true")
    by_a_thread("true")
    with tracing.trace() as calls:
        pass

    assert calls == []


def test_a_terminal_is_not_to_be_had() -> None:
    with pytest.raises(ValueError, match="no terminal to join"):
        captured(Spec(["true"], terminal=True))


def test_a_request_may_be_of_any_size() -> None:
    words = [letter * 100_000 for letter in "abcdefghij"]  # one may have 128 KB
    done = by_a_thread("sh", "-c", "echo $#", "sh", *words)

    assert (done.stdout, done.code) == ("10\n", 0)


INTERRUPTED = """
import sys, threading, time
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec, Volume

threading.Thread(target=time.sleep, args=[60], daemon=True).start()
program = "echo up > /mnt/up; exec sleep 60"
try:
    capture(Spec(["sh", "-c", program], volumes=[Volume(sys.argv[1], "/mnt")]))
except KeyboardInterrupt:
    print("interrupted", capture(Spec(["echo", "well"])).stdout, end="")
"""


def test_interrupted_it_takes_the_container_along(tmp_path: Path) -> None:
    words = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert wait_until((tmp_path / "up").exists)
        inside = [seen.pid for seen in sightings.below(process.pid)]
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()

    assert (out, process.returncode) == ("interrupted well\n", 0)
    assert len(inside) >= 3
    assert wait_until(lambda: not any(map(is_alive, inside)))


def test_a_server_killed_at_work_is_an_error_and_no_second_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    volumes = [Volume(tmp_path, "/mnt")]
    spec = Spec(["sh", "-c", "echo >> /mnt/ran; exec sleep 60"], volumes=volumes)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(capture, spec)
        assert soon_reads(ran, "\n")
        assert client.server.pid
        os.kill(client.server.pid, signal.SIGKILL)
        with pytest.raises(ChildProcessError, match="the server was killed"):
            running.result()

    assert by_a_thread("echo", "well").stdout == "well\n"
    assert ran.read_text() == "\n"


def test_a_server_killed_between_two_containers_is_replaced() -> None:
    for _ in range(3):
        assert by_a_thread("echo", "well").stdout == "well\n"
        pid = client.server.pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        assert wait_until(partial(_has_ended, pid))


def _has_ended(pid: int) -> bool:
    return not is_alive(pid)


def test_stopped_it_takes_along_what_still_runs(tmp_path: Path) -> None:
    volumes = [Volume(tmp_path, "/mnt")]
    spec = Spec(["sh", "-c", "echo > /mnt/up; exec sleep 60"], volumes=volumes)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(capture, spec)
        assert wait_until((tmp_path / "up").exists)
        assert client.server.pid
        inside = [seen.pid for seen in sightings.below(client.server.pid)]
        client.stop()

        assert running.result().code == 137
    assert not any(map(is_alive, inside))


FEW_FILES = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec

at_once = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), 4096))
pool = ThreadPoolExecutor(at_once)
running = [pool.submit(capture, Spec(["sleep", "0.3"])) for _ in range(at_once)]
print([each.result().code for each in running])
"""


@pytest.mark.alone("descriptors that are on their way count for all of a user")
@pytest.mark.parametrize(("limit", "at_once"), [(24, 1), (32, 2), (64, 5)])
def test_a_program_that_may_open_few_files_has_its_containers(
    limit: int, at_once: int
) -> None:
    program = [sys.executable, "-c", FEW_FILES, str(limit), str(at_once)]
    done = subprocess.run(program, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == (f"{[0] * at_once}\n", "")


def test_more_containers_than_it_can_have_open_files_for_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = f"server.FILES = {soft // 3}\nserver.serve("
    program = client.PROGRAM.replace("server.serve(", few)
    monkeypatch.setattr(client, "PROGRAM", program)
    client.stop()
    wait = "echo >> /mnt/up; while ! [ -e /mnt/go ]; do sleep 0.01; done"
    spec = Spec(["sh", "-c", wait], volumes=[Volume(tmp_path, "/mnt")])
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(capture, spec) for _ in range(2)]
        assert wait_until(lambda: _text(tmp_path / "up") == "\n\n")
        with pytest.raises(OSError, match="too many containers") as caught:
            by_a_thread("true")
        (tmp_path / "go").touch()

        assert [each.result().code for each in running] == [0, 0]
    assert caught.value.__notes__[0].startswith("Hint: ")
    assert by_a_thread("true").code == 0
    client.stop()


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
