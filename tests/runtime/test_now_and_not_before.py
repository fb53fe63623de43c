"""A container is as its caller is now; what there was before leaves nothing behind.

Each test is of something that a container, or the one before it, could once get wrong.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from cfslib.images import search
from cfslib.images.host_tools import EVERYDAY
from cfslib.isolation.cgroups import hierarchies
from cfslib.isolation.cgroups.hierarchies import CannotLimit, Home
from cfslib.observe import sightings
from tests.conftest import needs_namespaces, needs_root, soon_reads, wait_until
from tests.runtime.ways import WAYS, printed, program

pytestmark = needs_namespaces

each_way = pytest.mark.parametrize("way", WAYS)


def wait_for(file: Path, text: str, process: "subprocess.Popen[str]") -> None:
    """Wait until a container has written this text to a file."""
    if not soon_reads(file, text):
        process.kill()
        pytest.fail(f"{file} never read {text!r}")


# The limits of a first run.

PROCESSES = """
show("grep", "processes", "/proc/self/limits", limits=Limits(pids_max=None))
"""


@each_way
def test_limits_of_a_first_run_do_not_stay(way: str) -> None:
    before = printed(way, PROCESSES)
    first = printed(way, PROCESSES, before="ulimit -p 900 2>/dev/null || ulimit -u 900")
    later = printed(way, PROCESSES)

    assert first.split()[2:4] == ["900", "900"]
    assert later == before != first


@needs_root
@each_way
def test_a_first_run_with_few_processes_leaves_as_many_as_ever(way: str) -> None:
    many = 'show("sh", "-c", "for n in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done; wait")'
    printed(way, 'show("true")', before="ulimit -p 9 2>/dev/null || ulimit -u 9")

    assert printed(way, many) == ""


# What a process may change of itself between two containers.

LOOK = """
cat /proc/self/limits /proc/self/oom_score_adj
grep -E "^(Cpus_allowed_list|Cap|NoNewPrivs)" /proc/self/status
read -r stat < /proc/self/stat; set -- $stat; echo nice ${19}
"""
CHANGES = {
    "nothing": "pass",
    "the number of its files": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard[1]))"
    ),
    "the size of its files": (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))"
    ),
    "its processors": "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])",
    "how nice it is": "os.nice(3)",
    "when it is killed": "open('/proc/self/oom_score_adj', 'w').write('200')",
    "the number of its files, back": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, hard)"
    ),
}


def test_what_a_process_changes_of_itself_its_next_container_has() -> None:
    look = f'show("sh", "-c", {LOOK!r}, limits=Limits(pids_max=None)); print("--")'
    hard = "hard = resource.getrlimit(resource.RLIMIT_NOFILE)"
    text = "\n".join([hard, *(f"{change}\n{look}" for change in CHANGES.values())])
    of_script, of_notebook = (printed(way, text).split("--\n") for way in WAYS)

    for change, script, notebook in zip(CHANGES, of_script, of_notebook, strict=False):
        assert notebook == script, f"a notebook that has changed {change}"
    changed = {*of_script[:-1]}
    assert len(changed) >= len(CHANGES) - (os.cpu_count() == 1)


# The cgroup that it is in.


@pytest.fixture
def part() -> Generator[Home]:
    """Make a group of our own, of which a process may be made a member."""
    try:
        home = hierarchies.home_of("pids")
        if home.version != 1:
            pytest.skip("needs cgroup v1")
    except CannotLimit as why:
        pytest.skip(str(why))
    ours = f"{home.ours}/cfs-test-{os.getpid()}"
    os.mkdir(ours)
    yield Home(1, home.top, ours)
    assert wait_until(lambda: not Path(ours, "cgroup.procs").read_text())
    os.rmdir(ours)


WAITS = """
program = "echo $1 > /mnt/up; while ! [ -e /mnt/go-$1 ]; do sleep 0.01; done"
for number in ("1", "2", "3"):
    show("sh", "-c", program, "sh", number, volumes=[Volume(sys.argv[2], "/mnt")])
"""


@needs_root
@each_way
def test_a_cgroup_that_it_is_given_later_holds_its_next_container(
    way: str, part: Home, tmp_path: Path
) -> None:
    places, command = [], program(way, WAITS, tmp_path)
    with subprocess.Popen(command, text=True) as process:
        for number in ("1", "2", "3"):
            wait_for(tmp_path / "up", f"{number}\n", process)
            places.append(_place_of_the_container(process.pid))
            if number == "2":
                Path(part.ours, "cgroup.procs").write_text(str(process.pid))
            (tmp_path / f"go-{number}").touch()

    assert process.returncode == 0
    name = os.path.basename(part.ours)
    assert [name in place for place in places] == [False, False, True]


def _place_of_the_container(pid: int) -> str:
    (container,) = sightings.containers(pid)
    lines = Path(f"/proc/{container.pid}/cgroup").read_text().splitlines()
    return next(line for line in lines if "pids" in line.split(":")[1].split(","))


# One command, one start.

SLOW_TO_SAY_SO = """
import time
from cfslib.runtime import init
start = init.start
def started(*arguments):
    main = start(*arguments)
    time.sleep(60)
    return main
init.start = started
"""
ONCE = """
client.PROGRAM = client.PROGRAM.replace("server.serve(", sys.argv[3] + "server.serve(")
exec(sys.argv[3])
words = ["sh", "-c", "echo once >> /mnt/ran; exec sleep 60"]
for _ in range(2):
    print(show(*words, volumes=[Volume(sys.argv[2], "/mnt")]), flush=True)
"""


@each_way
def test_a_command_whose_pid_1_dies_before_it_said_so_runs_once(
    way: str, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    command = program(way, ONCE, tmp_path, SLOW_TO_SAY_SO)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for number in (1, 2):
            wait_for(ran, "once\n" * number, process)
            os.kill(_pid_1(process.pid), signal.SIGKILL)
        out, _ = process.communicate()

    assert (out, process.returncode) == ("137\n137\n", 0)
    assert ran.read_text() == "once\nonce\n"


def _pid_1(pid: int) -> int:
    (one,) = (seen.pid for seen in sightings.below(pid) if seen.name == "cfs")
    return one


# Two users of one cache.


@each_way
def test_two_paths_that_take_turns_have_a_rootfs_each(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = [name for name in EVERYDAY if not shutil.which(name, path=search.PATH)]
    cache, tool = tmp_path / "cache", tmp_path / "bin" / lacking[0]
    look = 'show("sh", "-c", "[ -e $1 ]; echo $?", "sh", sys.argv[2])'
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    paths = os.environ["PATH"], f"{tool.parent}:{os.environ['PATH']}"
    builds, heard = set(), []
    for path in paths * 3:
        monkeypatch.setenv("PATH", path)
        heard.append(printed(way, look, tool))
        builds |= {place.name for place in (cache / "cfs").glob("rootfs-*")}

    assert heard == ["1\n", "0\n"] * 3
    assert len(builds) == 2
