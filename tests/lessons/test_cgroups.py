"""07-cgroups: right answers pass, the usual wrong ones do not, and get a hint."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.kernel import procfs
from cfslib.lessons import cgroups as lesson
from cfslib.lessons import workbench
from cfslib.observe import trees
from cfslib.observe.trees import Bench, Trees
from tests import record_groups
from tests.conftest import ROOT, groups_of
from tests.lessons.conftest import assert_not_yet
from tests.test_notebooks import solutions

Answer = Callable[..., Any]
NOTEBOOK = record_groups.NOTEBOOK


def official(number: int, name: str) -> Answer:
    """Return the solution of the notebook."""
    names: dict[str, Any] = {"in_child": in_child, "procfs": procfs}
    names["TREE"], names["VERSION"] = lesson.tree()
    exec(solutions(NOTEBOOK)[number - 1], names)
    return names[name]  # type: ignore[no-any-return]


# 1. Who is in it?


def numbers(file: Path) -> set[int]:
    return {int(pid) for pid in file.read_text().split()}


def by_walking(group: Path) -> set[int]:
    found: set[int] = set()
    for place, _, _ in os.walk(group):
        found |= numbers(Path(place, "cgroup.procs"))
    return found


def by_recursion(group: Path) -> set[int]:
    found = numbers(group / "cgroup.procs")
    for below in group.iterdir():
        if below.is_dir():
            found |= by_recursion(below)
    return found


def by_glob(group: Path) -> set[int]:
    return set().union(*(numbers(file) for file in group.glob("**/cgroup.procs")))


def nothing(*_: object) -> None:
    pass


def only_this(group: Path) -> set[int]:
    return numbers(group / "cgroup.procs")


def only_one_below(group: Path) -> set[int]:
    return only_this(group).union(*map(numbers, group.glob("*/cgroup.procs")))


def only_below(group: Path) -> set[int]:
    return set().union(*map(numbers, group.glob("*/**/cgroup.procs")))


def as_text(group: Path) -> set[str]:
    return set((group / "cgroup.procs").read_text().split())


def as_a_list(group: Path) -> list[int]:
    return sorted(by_walking(group))


def of_all(group: Path) -> set[int]:
    return by_walking(group.parent)


def of_all_twice_up(group: Path) -> set[int]:
    return by_walking(group) | {1}


def and_itself(group: Path) -> set[int]:
    return by_walking(group) | {os.getpid()}


def moves_them(group: Path) -> set[int]:
    found = by_walking(group)
    for pid in found:
        (group / "cgroup.procs").write_text(f"{pid}\n")
    return found


def of_no_lines(group: Path) -> set[int]:
    return {int((group / "cgroup.procs").read_text())}


def of_first_lines(group: Path) -> set[int]:
    lines = [f.read_text().split("\n")[0] for f in group.rglob("cgroup.procs")]
    return {int(line) for line in lines if line}


def of_three_levels(group: Path) -> set[int]:
    patterns = ("cgroup.procs", "*/cgroup.procs", "*/*/cgroup.procs")
    return set().union(*(numbers(f) for p in patterns for f in group.glob(p)))


def of_threads(group: Path) -> set[int]:
    names = "cgroup.threads", "tasks"  # of version 2, and of 1
    return set().union(*(numbers(f) for name in names for f in group.rglob(name)))


def of_a_wrong_file(group: Path) -> set[int]:
    return numbers(group / "cgroup.proc")


NUMBERS, SINGLE = "it returns a set of numbers", "the processes of a single group"
BELOW, NOBODY = "so are those of all groups below", "and nobody else"
MOVED, RUNS = "nobody was moved", "it runs"
NOT_MEMBERS = [
    (nothing, NUMBERS, "Is there a `return`"),
    (as_text, NUMBERS, "`int(pid)`"),
    (as_a_list, NUMBERS, "`set(...)`"),
    (only_this, BELOW, "rglob"),
    (only_one_below, BELOW, "rglob"),
    (only_below, SINGLE, "of the group itself"),
    (of_all, NOBODY, "Stay below `group`"),
    (of_all_twice_up, SINGLE, "a number a line"),
    (and_itself, SINGLE, "a number a line"),
    (moves_them, MOVED, "Only read"),
    (of_no_lines, RUNS, "invalid literal"),
    (of_first_lines, BELOW, "rglob"),
    (of_three_levels, BELOW, "rglob"),
    (of_threads, SINGLE, "`cgroup.procs`"),
    (of_a_wrong_file, RUNS, "No such file"),
]


@pytest.mark.parametrize("right", [by_walking, by_recursion, by_glob])
def test_who_finds_all_is_right(right: Answer) -> None:
    assert lesson.check_members(right).done


def test_so_is_the_official_answer() -> None:
    assert lesson.check_members(official(1, "members")).done


@pytest.mark.parametrize(("wrong", "claim", "hint"), NOT_MEMBERS)
def test_who_does_not_is_told_so(wrong: Answer, claim: str, hint: str) -> None:
    assert_not_yet(lesson.check_members(wrong), claim, hint)


# 2. Where is it?

TREE, VERSION = lesson.tree()


def the_entry(pid: object) -> str:
    for entry in procfs.cgroup_entries(pid):  # type: ignore[arg-type]
        if entry.hierarchy == 0 if VERSION == 2 else "pids" in entry.controllers:
            return entry.path
    raise AssertionError


def by_adding(pid: int) -> Path:
    return Path(f"{TREE}{the_entry(pid)}")


def by_searching(pid: int) -> Path:
    for file in [TREE / "cgroup.procs", *TREE.rglob("cgroup.procs")]:
        if pid in numbers(file):
            return file.parent
    return TREE


def of_text(pid: int) -> Path:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "pids" in controllers.split(",") or (VERSION == 2 and not controllers):
            return TREE / path.strip("/")
    return TREE


def the_path_alone(pid: int) -> Path:
    return TREE / the_entry(pid)


def text(pid: int) -> str:
    return f"{TREE}{the_entry(pid)}"


def always_ours(pid: int) -> Path:
    return by_adding(os.getpid())


def of_its_parent(pid: int) -> Path:
    return by_adding(1)


def one_too_deep(pid: int) -> Path:
    return by_adding(pid) / "inner"


def of_another_tree(pid: int) -> Path:
    return Path("/proc")


def its_file(pid: int) -> Path:
    return by_adding(pid) / "cgroup.procs"


def twice(pid: int) -> Path:
    return TREE / f"{TREE}{the_entry(pid)}" / the_entry(pid).strip("/") / "x"


def of_nobody(pid: int) -> Path:
    return Path(f"{TREE}{the_entry(0)}")


def unknown_name(pid: int) -> Path:
    return TREE / entry.path  # type: ignore  # noqa: F821


PLACE, HERE = "it returns a directory of the tree", "this process is in that group"
ANOTHER = "another process is in the group"
NOT_HOME = [
    (nothing, PLACE, "It returns nothing"),
    (text, PLACE, "`TREE / ...` is a Path"),
    (the_path_alone, PLACE, "lstrip"),
    (of_another_tree, PLACE, "lstrip"),
    (one_too_deep, PLACE, "no such directory"),
    (its_file, PLACE, "no such directory"),
    (twice, PLACE, "no such directory"),
    (of_nobody, RUNS, "No such file"),
    (unknown_name, RUNS, "not defined"),
]


@pytest.mark.parametrize("right", [by_adding, by_searching, of_text])
def test_who_finds_it_is_right(right: Answer) -> None:
    told = lesson.check_home(right)

    assert told.done, told


def test_so_is_the_official_home() -> None:
    assert lesson.check_home(official(2, "home")).done


@pytest.mark.parametrize(("wrong", "claim", "hint"), NOT_HOME)
def test_who_looks_elsewhere_is_told_so(wrong: Answer, claim: str, hint: str) -> None:
    assert_not_yet(lesson.check_home(wrong), claim, hint)


@pytest.mark.skipif(not ROOT, reason="needs root, to have a process elsewhere")
@pytest.mark.parametrize("wrong", [always_ours, of_its_parent, lambda pid: TREE])
def test_who_names_one_group_for_all_is_not_right(wrong: Answer) -> None:
    assert not lesson.check_home(wrong).done


def moves_it_to_the_top(pid: int) -> Path:
    (TREE / "cgroup.procs").write_text(f"{pid}\n")
    return TREE


def moves_it_up(pid: int) -> Path:
    (by_adding(pid).parent / "cgroup.procs").write_text(f"{pid}\n")
    return by_adding(pid)


@pytest.mark.skipif(not ROOT, reason="needs root, to move a process")
@pytest.mark.parametrize("wrong", [moves_it_to_the_top, moves_it_up])
def test_who_moves_a_process_to_where_it_looks_is_not_right(wrong: Answer) -> None:
    def only_others(pid: int) -> Path:
        return wrong(pid) if pid != 1 else by_adding(pid)  # PID 1 is the machine's

    assert_not_yet(lesson.check_home(only_others), "nobody was moved", "Only read")


# 3. For a while.


def carefully(place: Path, most: int, function: Answer) -> Any:
    group = place / f"mine-{os.getpid()}"
    group.mkdir()
    try:
        return in_a_child(group, most, function)
    finally:
        group.rmdir()


def in_a_child(group: Path, most: int, function: Answer) -> Any:
    (group / "pids.max").write_text(f"{most}\n")
    return in_child(lambda: joined(group, function))


def joined(group: Path, function: Answer) -> Any:
    join(group)
    return function()


def join(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()))


def by_os(place: Path, most: int, function: Answer) -> Any:
    group = os.path.join(place, "g")
    os.mkdir(group)
    try:
        return in_a_child(Path(group), most, function)
    finally:
        os.rmdir(group)


def no_group(place: Path, most: int, function: Answer) -> Any:
    return in_child(function)


def no_return(place: Path, most: int, function: Answer) -> None:
    carefully(place, most, function)


def no_rmdir(place: Path, most: int, function: Answer) -> Any:
    group = place / "mine"
    group.mkdir(exist_ok=True)
    return in_a_child(group, most, function)


def no_finally(place: Path, most: int, function: Answer) -> Any:
    group = place / "mine"
    group.mkdir()
    answer = in_a_child(group, most, function)
    group.rmdir()
    return answer


def swallows(place: Path, most: int, function: Answer) -> Any:
    try:
        return carefully(place, most, function)
    except Exception:
        return None


def no_limit(place: Path, most: int, function: Answer) -> Any:
    group = place / "mine"
    group.mkdir()
    try:
        return in_child(lambda: joined(group, function))
    finally:
        group.rmdir()


def nobody_joins(place: Path, most: int, function: Answer) -> Any:
    group = place / "mine"
    group.mkdir()
    (group / "pids.max").write_text(str(most))
    try:
        return in_child(function)
    finally:
        group.rmdir()


def one_too_few(place: Path, most: int, function: Answer) -> Any:
    return carefully(place, most - 1, function)


def one_too_many(place: Path, most: int, function: Answer) -> Any:
    return carefully(place, most + 1, function)


def always_five(place: Path, most: int, function: Answer) -> Any:
    return carefully(place, 5, function)


def the_caller_joins(place: Path, most: int, function: Answer) -> Any:
    group = place / "mine"
    group.mkdir()
    (group / "pids.max").write_text(str(most + 1))
    join(group)
    try:
        return in_child(function)
    finally:
        (place / "cgroup.procs").write_text("0")
        group.rmdir()


def no_child(place: Path, most: int, function: Answer) -> Any:
    group = place / "mine"
    group.mkdir()
    (group / "pids.max").write_text(str(most))
    join(group)
    try:
        return function()
    finally:
        (place / "cgroup.procs").write_text("0")
        group.rmdir()


def no_child_for_long(place: Path, most: int, function: Answer) -> Any:
    before = by_adding(os.getpid())
    group = place / "mine"
    group.mkdir()
    (group / "pids.max").write_text(str(most))
    join(group)
    try:
        return function()
    finally:
        (before / "cgroup.procs").write_text("0")
        group.rmdir()


def with_its_files(place: Path, most: int, function: Answer) -> Any:
    group = place / "mine"
    group.mkdir()
    try:
        return in_a_child(group, most, function)
    finally:
        shutil.rmtree(group)


def removed_inside(place: Path, most: int, function: Answer) -> Any:
    group = place / "mine"
    group.mkdir()
    (group / "pids.max").write_text(str(most))

    def inside() -> Any:
        try:
            return joined(group, function)
        finally:
            group.rmdir()

    return in_child(inside)


def made_twice(place: Path, most: int, function: Answer) -> Any:
    (place / "mine").mkdir()
    return carefully(place / "mine", most, function)


BACK, THERE = "what the function returns comes back", "there is a group while it runs"
FIVE, NINE = "with 5 there are never more than 5", "with 9 it is 9"
GONE, RAISED = "afterwards the group is gone", "also if the function raises an error"
NOT_WITHIN = [
    (nothing, BACK, "Return what"),
    (no_return, BACK, "Return what"),
    (no_group, THERE, "Make a directory"),
    (no_limit, FIVE, "`most` goes into `pids.max`"),
    (nobody_joins, FIVE, "the child joins"),
    (one_too_few, FIVE, "Fewer were allowed"),
    (one_too_many, FIVE, "More were allowed"),
    (always_five, NINE, "Fewer were allowed"),
    (no_rmdir, GONE, "`rmdir` it"),
    (no_finally, RAISED, "finally"),
    (swallows, RAISED, "no `except`"),
    (made_twice, RUNS, "File exists"),
    (with_its_files, RUNS, "Operation not permitted"),
    (removed_inside, RUNS, "Device or resource busy"),
]


@pytest.mark.parametrize("right", [carefully, by_os])
def test_who_limits_for_a_while_is_right(right: Answer) -> None:
    told = lesson.check_within(right)

    assert told.done, told


def test_so_is_the_official_limit() -> None:
    assert lesson.check_within(official(3, "within")).done


@pytest.mark.parametrize(("wrong", "claim", "hint"), NOT_WITHIN)
def test_who_does_not_limit_is_told_so(wrong: Answer, claim: str, hint: str) -> None:
    assert_not_yet(lesson.check_within(wrong), claim, hint)


@pytest.mark.parametrize("wrong", [the_caller_joins, no_child, no_child_for_long])
def test_a_caller_that_joins_is_not_right(wrong: Answer) -> None:
    assert not lesson.check_within(wrong).done


def test_who_has_no_end_is_stopped() -> None:
    for check in (lesson.check_members, lesson.check_home, lesson.check_within):
        assert_not_yet(check(without_end), RUNS, "time.sleep(0.001)")


def without_end(*_: object) -> None:
    while True:
        time.sleep(0.001)


def test_the_checks_leave_no_group() -> None:
    for check, answer in (
        (lesson.check_members, by_walking),
        (lesson.check_home, by_adding),
        (lesson.check_within, no_rmdir),
    ):
        check(answer)

    assert groups_of(os.getpid()) == []


# The experiments of the chapter.


def _can_make_groups() -> bool:
    try:
        with Bench():
            return True
    except CannotLimit:
        return False


MAKES_GROUPS = _can_make_groups()


@pytest.mark.skipif(not MAKES_GROUPS, reason="needs groups of our own")
def test_what_was_recorded_is_what_happens_here() -> None:
    recorded = json.loads(workbench.RECORD.read_text())
    found = record_groups.printed()

    assert len(found) >= 7
    assert found == {name: recorded[name] for name in found}


@pytest.mark.skipif(not MAKES_GROUPS, reason="needs groups of our own")
def test_a_limit_of_memory_takes_no_room_on_the_disk() -> None:
    def is_limited(places: Trees) -> None:
        group = places["memory"] / "small"
        group.mkdir()
        places.limit(group, "memory.max", 1 << 25)
        file = {1: "memory.swappiness", 2: "memory.swap.max"}[places.version]
        assert (group / file).read_text() == "0\n"

    assert not workbench.attempt(is_limited).why_recorded


@pytest.mark.skipif(not MAKES_GROUPS, reason="needs groups of our own")
def test_who_is_killed_first_oom_score_adj_decides_in_a_group_too() -> None:
    def killed_first(places: Trees) -> None:
        group = places["memory"] / "small"
        group.mkdir()
        places.limit(group, "memory.max", 32 << 20)
        small = start(group, adj=1000, mib=10)
        big = start(group, adj=0, mib=18)
        assert small.wait() == -signal.SIGKILL
        assert big.poll() is None

    assert not workbench.attempt(killed_first).why_recorded


HOG = """
import sys, time
open("/proc/self/oom_score_adj", "w").write(sys.argv[1])
kept = b"x" * (int(sys.argv[2]) << 20)
print("ready", flush=True)
time.sleep(60)
"""


def start(group: Path, adj: int, mib: int) -> "subprocess.Popen[bytes]":
    """Start a process that takes memory in a group; return it when it has it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOG, str(adj), str(mib)],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: join(group),
    )
    assert process.stdout
    process.stdout.readline()
    return process


def test_who_can_make_no_groups_is_shown_what_was_recorded() -> None:
    def killed(_: Trees) -> None:
        print("never called")

    def no_version() -> workbench.Outcome:
        return workbench.attempt(killed, version=3)

    outcome = no_version()

    assert outcome.text == json.loads(workbench.RECORD.read_text())["killed"]
    assert outcome.why_recorded
    assert outcome.hints == ()  # where in our code it was is none


@pytest.mark.skipif(not MAKES_GROUPS, reason="needs groups of our own")
def test_an_experiment_that_fails_raises_and_leaves_nothing() -> None:
    def fails(places: Trees) -> None:
        (places["pids"] / "mine").mkdir()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        workbench.attempt(fails)
    assert groups_of(os.getpid()) == []
    assert trees.version() in (1, 2)
