"""The checks of 07-cgroups.

Where we may make groups, they look at real ones.  Where we may not, there are plain
directories with the same files, and the check plays the kernel.
"""

import errno
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from cfslib.children.in_child import in_child
from cfslib.isolation.cgroups import hierarchies
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons import Point, exercise
from cfslib.lessons.guard import Stumbled
from cfslib.observe.trees import Bench

FEW, MORE = 5, 9  # the limits of exercise 3
SPARE = 10  # seconds after which a process ends that nobody has ended


@exercise("07-cgroups", 1)
def check_members(members: Callable[[Path], object]) -> list[Point]:
    """Look if `members(group)` finds the processes of a group and of those below."""
    return _apart(lambda place, is_real: _look_for(members, place, is_real))


def _look_for(
    members: Callable[[Path], object], place: Path, is_real: bool
) -> list[Point]:
    deepest = "/".join(["mine", *["below"] * random.randint(3, 6)])
    # A group may have several, or none.
    wanted = {"mine": 2, "mine/below": 0, deepest: 1, "other": 1}
    (place / deepest).mkdir(parents=True)
    (place / "other").mkdir()
    if not is_real:
        for group in (place / "mine", *_groups(place / "mine")):
            (group / "cgroup.procs").touch()
    pids: dict[str, set[int]] = {}
    try:
        for name, number in wanted.items():
            pids[name] = {_put_one(place / name, is_real) for _ in range(number)}
        few = members(place / deepest)
        found = members(place / "mine")
        as_before = [_in(place / name) == pids[name] for name in wanted]
    finally:
        _end(set().union(*pids.values()))
    inside = set().union(*(pids[name] for name in wanted if name != "other"))
    return [
        Point("it returns a set of numbers", _are_numbers(found), _what(found)),
        Point(
            "the processes of a single group are in it",
            few == pids[deepest],
            "Read `cgroup.procs` of the group itself: a number a line.",
        ),
        Point(
            "so are those of all groups below, however deep",
            isinstance(found, set) and inside <= found,
            'Groups are directories: `group.rglob("cgroup.procs")` finds all.',
        ),
        Point(
            "and nobody else",
            found == inside,
            "Stay below `group`.  The process of a group beside it is not meant.",
        ),
        Point(
            "nobody was moved",
            all(as_before),
            "Only read: what is written to `cgroup.procs` moves a process.",
        ),
    ]


def _are_numbers(found: object) -> bool:
    return isinstance(found, set) and all(type(each) is int for each in found)


def _what(found: object) -> str:
    if found is None:
        return "It returns nothing.  Is there a `return`?"
    if isinstance(found, set):
        return "They are text: `int(pid)` makes a number of each."
    return f"It is {found!r:.60}.  `set(...)` makes a set of anything."


def _put_one(group: Path, is_real: bool) -> int:
    """Start a process with two threads in a group; return its pid."""
    door = group / "cgroup.procs"
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if is_real:
                door.write_text("0")
            threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
            os.write(writer, b".")
            time.sleep(30)
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as ready:
        ready.read(1)
    if not is_real:
        with door.open("a") as file:
            file.write(f"{pid}\n")
    return pid


def _end(pids: Collection[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _in(group: Path) -> set[int]:
    file = group / "cgroup.procs"
    return {int(pid) for pid in file.read_text().split()} if file.exists() else set()


def _apart(check: Callable[[Path, bool], list[Point]]) -> list[Point]:
    """Call a check in a child, with a directory to make groups in.

    It is also told if the directory is the kernel's.
    """
    with tempfile.TemporaryDirectory(prefix="cfs-lesson-") as plain:
        Path(plain, "cgroup.procs").touch()
        return in_child(lambda: _with_groups(check, Path(plain)))


def _with_groups(
    check: Callable[[Path, bool], list[Point]], plain: Path
) -> list[Point]:
    try:
        bench = Bench()
        places = bench.__enter__()
    except CannotLimit:
        return check(plain, False)
    try:
        return check(places["pids"], True)
    finally:
        bench.__exit__()


def tree() -> tuple[Path, int]:
    """Return where the tree is mounted that counts processes, and its version."""
    try:
        home = hierarchies.home_of("pids")
    except CannotLimit:
        home = next(iter(hierarchies.homes()))
    return Path(home.top), home.version


@exercise("07-cgroups", 2)
def check_home(home: Callable[[int], object]) -> list[Point]:
    """Look if `home(pid)` is the directory of the group that a process is in."""
    return _apart(lambda place, is_real: _look_at_homes(home, place, is_real))


def _look_at_homes(
    home: Callable[[int], object], place: Path, is_real: bool
) -> list[Point]:
    top, _ = tree()
    if is_real:
        (place / "elsewhere").mkdir()
    other = _put_one(place / "elsewhere", True) if is_real else os.getppid()
    asked = os.getpid(), other, 1
    try:
        before = [_groups_of(pid) for pid in asked]
        ours, found, first = (home(pid) for pid in asked)
        is_in = _says(found, other)
        as_before = [_groups_of(pid) for pid in asked] == before
    finally:
        if is_real:
            _end([other])
    return [
        Point(
            "it returns a directory of the tree",
            isinstance(ours, Path) and ours.is_dir() and ours.is_relative_to(top),
            _which(ours, top),
        ),
        Point(
            "this process is in that group",
            _says(ours, os.getpid()),
            "`cgroup.procs` there does not name it.  Is it the line of the right tree?",
        ),
        Point(
            "another process is in the group that it names for that",
            is_in,
            "Each process has a group of its own: ask for `pid`, and not for yourself.",
        ),
        Point(
            "so is PID 1",
            _says(first, 1) or (first is not None and not _can_see_the_first()),
            "PID 1 is in a group as well, perhaps in the one at the top.",
        ),
        Point(
            "nobody was moved",
            as_before,
            "Only read: what is written to `cgroup.procs` moves a process.",
        ),
    ]


def _groups_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text()


def _says(group: object, pid: int) -> bool:
    """Ask the kernel if a process is in a group."""
    if not isinstance(group, Path):
        return False
    with suppress(OSError):
        return pid in _in(group)
    return False


def _can_see_the_first() -> bool:
    """Say if a group that we can see has PID 1 in it; in an image it may be above."""
    path = Path("/proc/1/cgroup").read_text()
    return "/.." not in path


def _which(found: object, top: Path) -> str:
    if found is None:
        return "It returns nothing: no line was the right one, or there is no `return`."
    if isinstance(found, str):
        return "It is text.  `TREE / ...` is a Path."
    if isinstance(found, Path) and not found.is_relative_to(top):
        return (
            'The path in the line begins with `/`, and `TREE / "/a"` is `/a`.  Take '
            '`entry.path.lstrip("/")`.'
        )
    return "There is no such directory.  Print what it returns."


@exercise("07-cgroups", 3)
def check_within(within: Callable[[Path, int, Callable[[], Any]], Any]) -> list[Point]:
    """Look if `within(place, most, function)` limits a function, and tidies up."""
    return _apart(lambda place, is_real: _try(within, place, is_real))


def _try(within: Callable[..., Any], place: Path, is_real: bool) -> list[Point]:
    if not is_real:
        _play_the_kernel()
    before = _groups(place)
    forks = _forks if is_real else lambda: _allowed(place)
    answer, stays_out = in_child(lambda: _kept(within, place))
    few, more = (_called(within, place, most, forks) for most in (FEW, MORE))
    seen = _called(within, place, FEW, lambda: len(_groups(place)) > len(before))
    is_tidy = _groups(place) == before
    raised = _raised(within, place)
    is_tidy_then = _groups(place) == before
    return [
        Point(
            "what the function returns comes back",
            answer == "kept",
            "Return what `in_child` returns.",
        ),
        Point(
            "there is a group while it runs",
            seen is True,
            "Make a directory in `place`: that is the group.",
        ),
        Point(
            f"with {FEW} there are never more than {FEW} processes",
            few == FEW,
            _why_not(few, FEW),
        ),
        Point(f"with {MORE} it is {MORE}", more == MORE, _why_not(more, MORE)),
        Point(
            "afterwards the group is gone",
            is_tidy,
            "`rmdir` it, when the child has ended.",
        ),
        Point(
            "also if the function raises an error, which goes on to the caller",
            raised and is_tidy_then,
            "`try: ... finally: group.rmdir()`, and no `except`.",
        ),
        Point(
            "the caller has stayed where it was",
            stays_out,
            "Call the function in a child, and join there.  Who joins outside is in "
            "there as well.",
        ),
    ]


def _kept(within: Callable[..., Any], place: Path) -> tuple[Any, bool]:
    """Return what comes back, and if the caller has stayed out of all groups."""
    answer, by = "", 0
    if isinstance(found := within(place, FEW, lambda: ("kept", os.getpid())), tuple):
        answer, by = found
    is_in = any(os.getpid() in _in(g) for g in (place, *_groups(place)))
    return answer, by != os.getpid() and not is_in


def _why_not(count: object, most: int) -> str:
    if isinstance(count, int) and count > most:
        return (
            "More were allowed.  `most` goes into `pids.max` before the child starts, "
            "and the child joins: `0`, written to `cgroup.procs`."
        )
    return "Fewer were allowed: is anybody in the group who should not be?"


def _called(
    within: Callable[..., Any], place: Path, most: int, func: Callable[[], Any]
) -> Any:
    """Call a learner's answer in a child, which may end up in the group itself."""
    try:
        return in_child(lambda: within(place, most, func))
    except ChildProcessError:
        return None


def _forks() -> int:
    """Return how many processes there can be, this one among them."""
    children: list[int] = []
    try:
        while len(children) < MORE + 3:
            pid = os.fork()
            if pid == 0:
                _be_one_more()
            children.append(pid)
    except BlockingIOError:
        pass
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return 1 + len(children)


def _be_one_more() -> NoReturn:
    """Be there until we are killed, or nobody is left who could do that."""
    try:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        signal.alarm(SPARE)  # if our parent had ended before that call
        signal.pause()
    finally:
        os._exit(0)


def _allowed(place: Path) -> int:
    """Return how many processes the group of this one would allow, by its files."""
    for group in _groups(place):
        with suppress(OSError, ValueError):
            door = group / "cgroup.procs"
            if door.read_text().strip() in ("0", str(os.getpid())):
                door.write_text(f"{os.getpid()}\n")  # what the kernel makes of a 0
                return int((group / "pids.max").read_text())
    return MORE + 4


def _play_the_kernel() -> None:
    """Have rmdir end a group as the kernel does: if it is empty, with its files.

    And only so: a file of a group cannot be removed.
    """
    rmdir, unlink = os.rmdir, os.unlink

    def of_groups(path: Any, **options: Any) -> None:
        if any(Path(f"/proc/{pid}").exists() for pid in _in(Path(path))):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))
        for name in ("cgroup.procs", "pids.max"):
            with suppress(FileNotFoundError):
                unlink(Path(path, name))
        rmdir(path, **options)

    def refused(path: Any, **_: Any) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))

    os.rmdir, os.unlink = of_groups, refused


def _groups(place: Path) -> set[Path]:
    return {path for path in place.rglob("*") if path.is_dir()}


def _raised(within: Callable[..., Any], place: Path) -> bool:
    """Say if an error of the function comes through."""
    try:
        in_child(lambda: within(place, FEW, _fail))
    except Stumbled as error:
        return error.kind == "ZeroDivisionError"
    except ZeroDivisionError:
        return True
    return False


def _fail() -> None:
    raise ZeroDivisionError("on purpose")
