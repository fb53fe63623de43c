"""A child of a process with threads is as one that it forks, whatever has changed."""

import ast
import os
import subprocess
import sys
import textwrap
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

from cfslib.kernel import procfs
from tests.conftest import PATIENCE, is_alive, needs_root, wait_until
from tests.kernel.changes import BY_ANYBODY, BY_ROOT, IMPORTS

PREAMBLE = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from cfslib.children import forkclient
from cfslib.children.in_child import in_child

threading.Thread(target=threading.Event().wait, daemon=True).start()

def look():
    "Return what the kernel says of a thread, but for what says which one it is."
    own = Path("/proc/thread-self")
    names = ("Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "Cap", "NoNew")
    text = (own / "status").read_text().split("\\n")
    found = [line for line in text if line.startswith((*names, "Secc", "Cpus"))]
    for name in ("cgroup", "limits", "oom_score_adj"):
        found += (own / name).read_text().split("\\n")
    for name in ("cgroup", "ipc", "mnt", "net", "pid_for_children", "user", "uts"):
        found.append(os.readlink(own / "ns" / name))
    found += [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)]
    found += [libc.prctl(number, 0) for number in (3, 27, 30)]
    return [*found, os.getcwd(), os.environ.get("CHANGED"), os.stat("/")[1:3]]
"""
CHANGES = BY_ANYBODY | {
    "directory": "os.chdir('/usr')",
    "environment": "os.environ['CHANGED'] = 'yes'",
}
BEFORE_AND_AFTER = """
before = in_child(look)
{change}
after = in_child(look)
print([before, after, look()])
"""


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    """Run parts of a program in a new process with two threads; a path is its word."""
    parts = [textwrap.dedent(part) for part in words if isinstance(part, str)]
    paths = [part for part in words if isinstance(part, Path)]
    text = "\n".join([IMPORTS, PREAMBLE, *parts])
    return subprocess.run(
        [sys.executable, "-c", text, *paths],
        capture_output=True,
        text=True,
        timeout=6 * PATIENCE,
    )


def _output(*words: object) -> str:
    """Return what such a program prints, after it went well."""
    done = _run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _is_handed_down(change: str) -> bool:
    """Make a change between two children; say if the second is as its client then."""
    text = _output(BEFORE_AND_AFTER.format(change=change))
    before, after, ours = ast.literal_eval(text)
    assert after == ours
    return bool(after != before)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_handed_down(change: str) -> None:
    assert _is_handed_down(change)


@needs_root
@pytest.mark.parametrize("change", BY_ROOT.values(), ids=BY_ROOT)
def test_a_change_by_root_is_handed_down(change: str) -> None:
    assert _is_handed_down(change)


@pytest.fixture(params=["cgroup", "cgroup2"])
def group(request: pytest.FixtureRequest) -> Generator[Path]:
    """Return a new cgroup, of v1 and of v2."""
    roots = [m.target for m in procfs.mounts() if m.fstype == request.param]
    for root in roots:
        path = Path(root, f"cfs-handed-down-{os.getpid()}")
        with suppress(OSError):
            path.mkdir()
            break
    else:
        pytest.skip(f"needs a {request.param} that we may make groups in")
    yield path
    assert wait_until(lambda: not (path / "cgroup.procs").read_text())
    path.rmdir()


@needs_root
def test_a_cgroup_is_handed_down(group: Path) -> None:
    assert _is_handed_down(f"Path({str(group)!r}, 'cgroup.procs').write_text('0')")


def test_a_limit_that_leaves_no_room_for_a_child_is_said_as_a_fork_would() -> None:
    program = """
        in_child(os.getpid)
        if os.geteuid() == 0:  # root of the machine has no such limit
            os.setuid(54329)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 4000))
        try:
            in_child(os.getpid)
        except OSError as error:
            print(type(error).__name__)
        """
    if os.geteuid() == 0 and not _may_be_read():
        pytest.skip("needs a Python that any user may start")

    assert _output(program) == "BlockingIOError\n"


def _may_be_read() -> bool:
    parents = Path(sys.executable).resolve().parents
    return all(parent.stat().st_mode & 1 for parent in parents)


def test_the_end_of_children_may_be_ignored() -> None:
    program = """
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        print([in_child(lambda: n) for n in range(3)])
        print(in_child(lambda: signal.getsignal(signal.SIGCHLD)) is signal.SIG_IGN)
        """

    assert _output(program) == "[0, 1, 2]\nTrue\n"


def test_a_jupyter_kernel_between_cells_needs_no_other_server() -> None:
    program = """
        first = in_child(os.getppid)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(in_child(os.getppid) == first)
        print(in_child(lambda: signal.getsignal(signal.SIGINT).__name__))
        """

    assert _output(program) == "True\ndefault_int_handler\n"


# A child that says who it is, and then waits until a file is there.
LONG = """
place = Path(sys.argv[1])

def long():
    (place / "pid").write_text(f"{os.getpid()} {os.getppid()}")
    while not (place / "go on").exists():
        time.sleep(0.01)
    return os.nice(0)

def who_is_long():
    "Return its pid, and that of its server."
    while not (told := place / "pid").exists() or not told.read_text():
        time.sleep(0.01)
    return [int(number) for number in told.read_text().split()]
"""


def test_what_runs_goes_on_while_things_change(tmp_path: Path) -> None:
    program = """
        before = os.nice(0)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(in_child, long)
            _, first = who_is_long()
            os.nice(3)
            second, nice = in_child(lambda: (os.getppid(), os.nice(0)))
            (place / "go on").touch()
            print(second != first, running.result() == before, nice - before)
        end = time.monotonic() + 10
        while os.path.exists(f"/proc/{first}") and time.monotonic() < end:
            in_child(lambda: None)
        print(os.path.exists(f"/proc/{first}"), in_child(os.getppid) == second)
        """

    assert _output(LONG, program, tmp_path) == "True True 3\nFalse True\n"


def test_stopping_ends_what_runs_in_a_retired_server(tmp_path: Path) -> None:
    program = """
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(in_child, long)
            pids = who_is_long()
            os.nice(3)
            in_child(lambda: None)
            print([os.path.exists(f"/proc/{pid}") for pid in pids])
            forkclient.stop()
            print(repr(running.exception())[:17], os.path.exists(f"/proc/{pids[1]}"))
        """

    expected = "[True, True]\nChildProcessError False\n"
    assert _output(LONG, program, tmp_path) == expected


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_retired_server_and_its_child_end_with_their_client(
    tmp_path: Path, number: str
) -> None:
    program = f"""
        threading.Thread(target=in_child, args=[long], daemon=True).start()
        pids = who_is_long()
        os.nice(3)
        in_child(lambda: None)
        print(*pids, flush=True)
        os.kill(os.getpid(), signal.{number})
        time.sleep(60)
        """
    done = _run(LONG, program, tmp_path)
    pids = [int(word) for word in done.stdout.split()]

    assert len(pids) == 2
    assert wait_until(lambda: not any(map(is_alive, pids)))


def test_ctrl_c_ends_what_runs_in_a_retired_server(tmp_path: Path) -> None:
    program = """
        def retire():
            who_is_long()
            os.nice(3)
            in_child(lambda: None)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        thread = threading.Thread(target=retire)
        thread.start()
        try:
            in_child(long)
        except KeyboardInterrupt:
            thread.join()
        child, server = who_is_long()
        while os.path.exists(f"/proc/{child}"):
            time.sleep(0.01)
        print("and well", in_child(os.getppid) != server)
        """

    assert _output(LONG, program, tmp_path) == "and well True\n"


def test_no_server_is_left_when_many_were_retired() -> None:
    program = """
        def open_files():
            return len(os.listdir("/proc/self/fd"))

        servers = [in_child(os.getppid)]
        before = open_files()
        for _ in range(4):
            os.nice(1)
            servers.append(in_child(os.getppid))
        end = time.monotonic() + 10
        while open_files() > before and time.monotonic() < end:
            in_child(lambda: None)
        alive = [pid for pid in servers if os.path.exists(f"/proc/{pid}")]
        print(len(set(servers)), alive == servers[-1:], open_files() - before)
        forkclient.stop()
        print([pid for pid in servers if os.path.exists(f"/proc/{pid}")])
        """

    assert _output(program) == "5 True 0\n[]\n"
