"""The benchmark runs, and its floor is the same container as ours."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec
from tests.bench import (
    bars,
    box,
    images,
    oci,
    readme,
    report,
    rounds,
    scales,
    today,
    ways,
)
from tests.bench.box import Box
from tests.bench.commands import COMMAND, PYTHON, command
from tests.bench.kinds import PIPED, named
from tests.bench.peers import PEERS
from tests.bench.situations import PEERS as PEERS_IN_SITUATIONS
from tests.conftest import SLOWNESS, in_time, needs_namespaces, needs_root

pytestmark = [
    pytest.mark.long,
    pytest.mark.alike,
]
needs_a_compiler = pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
PARTS = ["peers", "situations", "subcommands", "child", "alive", "around one"]
PARTS += ["lives", "first", "imports", "lines"]
LOOK = """
cat /proc/mounts /proc/sys/kernel/hostname /proc/self/limits /proc/self/status
cat /proc/self/cgroup /proc/sys/user/*
echo $PPID /sys/firmware/* /proc/acpi/* /dev/* /dev/pts/*
export -p
umask
"""
# What differs between two runs of one program, and two signals that are glibc's own:
# its posix_spawn sets them to be ignored.
VOLATILE = "(Vm|Rss|voluntary|nonvoluntary|SigQ|SigIgn|Hugetlb|export TERM)"


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bench")
    try:
        box.build(directory)
    except box.Missing as missing:
        pytest.skip(f"needs {missing}")
    return directory


@needs_namespaces
@needs_a_compiler
def test_the_floor_makes_the_same_container_as_we(
    rootfs_dir: Path, tmp_path: Path
) -> None:
    box.compile_floor(tmp_path / "floor")
    argv = ["sh", "-c", LOOK]
    limit = box.floor_limit(Box(tmp_path))
    words = [str(tmp_path / "floor"), str(rootfs_dir), limit, *argv]

    floor = subprocess.run(words, input="\n", stdout=subprocess.PIPE, text=True)
    ours = capture(Spec(argv, rootfs=rootfs_dir))

    printed, _, times = floor.stdout.rstrip("\n").rpartition("\n")
    assert re.fullmatch(r"\d+ \d+", times)
    assert _comparable(printed) == _comparable(ours.stdout.rstrip("\n"))
    assert "CapBnd" in printed


def _comparable(text: str) -> list[str]:
    lines = re.sub(r"/proc/self/fd/\d+,", "/proc/self/fd/N,", text).splitlines()
    return [line for line in lines if not re.match(VOLATILE, line)]


@needs_namespaces
def test_each_of_our_ways_makes_containers(things: Path) -> None:
    for kind in (
        Box(things, network=True),
        Box(things, "nothing", limited=False),
        Box(things, "now"),
        Box(things, named=False),
        Box(things, volume=True),
    ):
        times = rounds.timed(ways.ours(kind), 2)

        assert set(times) == {ways.FLOOR, *ways.OURS}
        assert all(len(each) == 2 and min(each) > 0 for each in times.values())


@needs_namespaces
@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_benchmark_prints_what_it_measured(
    part: str, things: Path
) -> None:
    words = [sys.executable, "-m", "tests.bench.measure", part, str(things), "2"]

    assert json.loads(subprocess.check_output(words, cwd=ways.TOP))


@needs_root
def test_images_are_measured_where_their_peers_are_missing(
    things: Path, tmp_path: Path
) -> None:
    (tmp_path / "busybox").symlink_to(shutil.which("busybox") or "")
    words = [sys.executable, "-m", "tests.bench.measure", "images", str(things), "2"]
    env = {**os.environ, "PATH": str(tmp_path)}
    found = json.loads(subprocess.check_output(words, cwd=ways.TOP, env=env))

    assert set(found["missing"]) == set(images.PEERS)
    assert set(found["times"]) == set(images.OURS)
    assert 0 < found["load KB"] < 64 << 10


@needs_namespaces
def test_a_command_says_itself_when_it_ran(things: Path) -> None:
    notebook = ways.ours(Box(things, "now"))[1]
    with notebook.opened() as start:
        start()  # the first one starts what makes it
        began = time.perf_counter_ns()
        until_it_ran = start()
        until_its_end = time.perf_counter_ns() - began

    assert 0 < until_it_ran < until_its_end


@needs_root
def test_root_weighs_for_who_may_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    hidden = os.getpid()

    def as_nobody() -> tuple[int | None, list[int | None]]:
        os.setresuid(65534, 65534, 65534)
        return scales.pss(hidden), scales.weigh(Path("/proc/self/cwd"), [hidden])

    def there() -> tuple[int | None, list[int | None]]:
        os.chdir(tmp_path)
        return as_nobody()

    with scales.opened(tmp_path):
        alone, asked = in_child(there)

    assert alone is None
    assert asked[0]
    assert scales.pss(hidden)


def test_ways_are_compared_within_a_round() -> None:
    times = {"slow": [20, 200, 3000], "fast": [10, 100, 1000]}

    assert rounds.ratio(times, "slow", "fast") == 2


def test_a_way_that_fails_is_not_timed() -> None:
    with pytest.raises(ChildProcessError, match="exit code 1: /bin/false"):
        rounds.timed([command("wrong", ["/bin/false"])], 1)


def test_a_peer_that_fails_is_left_out() -> None:
    peer = replace(command("wrong", ["/bin/false"]), may_fail=True)
    right = command("right", ["/bin/true"])

    assert set(rounds.timed([peer, right], 2)) == {"right"}


@pytest.mark.alone("it measures time")
def test_containers_in_flight_are_all_counted() -> None:
    seconds = 0.1 * SLOWNESS  # most of the time even where a start takes long
    way = command("sleep", ["/bin/sleep", str(seconds)])

    one = rounds.per_second(way, 1, 3) * SLOWNESS
    four = rounds.per_second(way, 4, 12) * SLOWNESS

    assert one < 10
    assert four < 40
    in_time(1 / one, 1 / 5)
    in_time(1 / four, 1 / 10)


def test_every_bar_is_reported() -> None:
    printed = "\n".join(report.the_bars({"user": _measured()}))

    assert all(bar.name in printed for bar in bars.BARS)
    assert max(map(len, printed.splitlines())) <= report.WIDTH
    assert re.search(r"\nnotebook / C floor +2\.50 +<= 1\.3 +NOT", printed)
    assert re.search(r"bubblewrap / notebook +unknown +>= 1\.7", printed)
    assert re.search(r"in_child\(lambda: None\), ms +1\.00 +<= 2 +met", printed)


def test_the_table_for_the_readme_has_every_way_and_a_gap_where_there_is_none() -> None:
    root = {"boxes": {"default": {ways.FLOOR: [1_000_000], "podman": [90_000_000]}}}
    root["boxes"]["default"][ways.NOTEBOOK] = [2_000_000]
    printed = readme.table({"root": root, "user": _measured()})

    assert printed.splitlines()[2:] == [
        "| C floor | 1.0 | 1.0 | 0.0 | 1.0 |",
        "| **notebook** | 2.0 | 2.0 | 0.0 | 2.5 |",
        "| podman | 90.0 | 90.0 | - | - |",
    ]


def test_the_table_of_situations_has_both_users_and_a_gap_where_there_is_none() -> None:
    root = {"situations": {named(COMMAND, PIPED): [2_000_000]}}
    user = {"situations": {named(COMMAND, PIPED): [3_000_000]}}
    rows = readme.situations({"root": root, "user": user}).splitlines()[2:]

    assert rows[0] == "| **cfs run** | 2.0 / 3.0 | - / - | - / - | - / - | - / - |"
    assert len(rows) == 1 + len(PEERS_IN_SITUATIONS)


def test_a_bar_may_be_another_one_for_a_user() -> None:
    bar = bars.Bar("so long", 1.2, lambda _: 0, user_limit=1.5)

    assert not bar.met(1.4, "root")
    assert bar.met(1.4, "user")


def test_only_what_a_configuration_adds_is_shown() -> None:
    plain = {"mounts": [1, 2], "process": {"terminal": False, "cwd": "/"}}
    more = {"mounts": [1, 2, 3], "process": {"terminal": True, "cwd": "/"}}

    assert oci.difference(more, plain) == {"mounts": [3], "process": {"terminal": True}}


def test_what_is_not_in_this_clone_is_left_out(tmp_path: Path) -> None:
    said = today.check_out(tmp_path, commit="0" * 40)

    assert said.startswith("left out: fatal: ")
    assert not today.cfs(tmp_path)


def test_a_command_has_the_terminal_that_it_is_started_at() -> None:
    owns = ["/bin/sh", "-c", "tty -s && tty -s <&1 && tty -s <&2 && : </dev/tty"]
    fills_it = ["/bin/sh", "-c", "head -c 1000000 /dev/zero"]
    both = [
        command("owns", owns, at_terminal=True),
        command("fills it", fills_it, at_terminal=True),
    ]

    assert set(rounds.timed(both, 1)) == {"owns", "fills it"}


def _measured() -> dict[str, object]:
    default = {ways.FLOOR: [10, 20], ways.NOTEBOOK: [25, 50]}
    return {
        "boxes": {"default": default},
        "alive": {},
        "child": {bars.IN_A_ROW: [1_000_000]},
        "fresh": [],
    }


def test_the_readme_has_a_table_that_the_benchmark_writes() -> None:
    measured = {"root": _measured(), "user": _measured()}
    head, rows = _in_the_readme(readme.table(measured))
    names = {row.split("|")[1].strip(" *") for row in rows}
    ours = {ways.FLOOR, PYTHON, *ways.OURS}

    assert ours <= names <= ours | {peer.name for peer in PEERS}
    assert {row.count("|") for row in rows} == {head.count("|")}


def test_the_readme_has_the_table_of_situations() -> None:
    nothing: dict[str, dict[str, list[int]]] = {"situations": {}}
    table = readme.situations({"root": nothing, "user": nothing})
    _, rows = _in_the_readme(table)

    assert [row.split("|")[1] for row in rows] == [
        row.split("|")[1] for row in table.splitlines()[2:]
    ]


def _in_the_readme(table: str) -> tuple[str, list[str]]:
    """Return the head that this table has, and the rows that README.md has for it."""
    head = "\n".join(table.splitlines()[:2])
    text = (ways.TOP / "README.md").read_text()
    rows = text.partition(f"{head}\n")[2].partition("\n\n")[0].splitlines()
    return head.splitlines()[1], rows
