import os
import posix
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.children.streams import Finished, Pipes
from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.tracing import for_c
from cfslib.runtime import container, recipes, replay, shelf
from cfslib.runtime import run as playback
from cfslib.runtime.spec import NAMESPACES, Spec
from tests.conftest import ROOT, needs_namespaces, needs_root, wait_until
from tests.runtime.test_kill import left

pytestmark = needs_namespaces

# All that a program can find out about its container.  The shell's own words, where
# they do, because a small rootfs has few programs.
PROBE = """
for file in self/mountinfo self/status self/limits self/cgroup self/uid_map \\
            self/gid_map self/setgroups self/oom_score_adj 1/status 1/limits; do
    echo "== $file"; cat /proc/$file
done
for link in /proc/self/fd/* /proc/self/cwd /proc/self/root; do
    [ -e $link ] && ls -l $link
done
umask; pwd; ls -la / /dev /dev/pts /dev/shm; cat /proc/1/comm /proc/1/cmdline
cat /proc/sys/kernel/hostname; cat /proc/[0-9]*/comm
cat /proc/self/environ /proc/net/dev; cat /proc/keys; touch /x; touch /dev/x
n=0  # PID 1 closes its channel a moment after the command has started
while set -- /proc/1/fd/*; [ $# -gt 3 ] && [ $n -lt 9999 ]; do n=$((n + 1)); done
ls -la /proc/1/fd
"""
PROBE_WORDS = ["sh", "-c", PROBE]
# What is another in each container, however it was made.
TIMES = (
    (r"(?m)^\d+ \d+ \d+:\d+ ", "ids "),  # mounts, and the numbers of filesystems
    (r"rootfs-\w+|cfs-\d+-\w+", "NAME"),
    (r"[A-Z][a-z]{2} +\d+ \d\d:\d\d", "TIME"),
    (r"(?m)^([-bcdl][-rwxst]{9}) +", r"\1 "),  # as wide as the widest number needs
    (r"(?m)^dr-xr-xr-x \d+ ", "dr-xr-xr-x LINKS "),  # /proc counts all processes
    (r"State:\t.*", "State"),
    (r"\[\d+\]|inode=\d+|/proc/\d+", "NUMBER"),
    (r"(?m)^(Vm|Rss|Huge|FDSize|.*ctxt_switches|Cpus_|Mems_|SigQ).*\n", ""),
    (r"(?m)^ *(veth|docker|cni|br-)[\w.-]*:.*\n", ""),  # of an engine at work
    (r"(?m)^ *[\w.-]+:( +\d+)+$", "COUNTERS"),
    (r"(?m)^[0-9a-f]{8} .*\n", "KEY\n"),
    (r"\0+", r"\0"),  # as long as the maker's own arguments were
    (r"upperdir=\S+|workdir=\S+|size=\d+k", "OVERLAY"),
)

BOXES = {
    "the default": Spec([]),
    "another name": Spec([], hostname="another"),
    "variables": Spec([], env={"A": "1", "PATH": "/usr/bin:/bin", "TERM": "vt100"}),
    "another directory": Spec([], workdir="/tmp"),
    "nothing to write to": Spec([], read_only=True),
    "as many processes as it likes": Spec([], limits=Limits(pids_max=None)),
    "no network": Spec([], namespaces=NAMESPACES | Namespace.NET),
    "more rights": Spec([], capabilities=DEFAULT | {Capability.SYS_ADMIN}),
}
if ROOT:
    memory = Limits(memory_max=64 << 20, cpu_max=0.5)
    BOXES["limits of all kinds"] = Spec([], limits=memory)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Generator[None]:
    container.capture(Spec(["true"]))  # the cache is not what we count
    before = set(left())
    yield
    wait_until(lambda: set(left()) <= before)

    assert sorted(set(left()) - before) == []


def plainly(spec: Spec) -> Finished:
    """Run a container the plain way, and have its recipe written."""
    with syscalls.trace():
        done = container.capture(spec)
    recipes.forget(spec)
    return done


def played(spec: Spec) -> Finished | None:
    """Run a container by its recipe; None if that was not possible."""
    with Pipes() as pipes:
        code = playback.run(spec, pipes)
        return None if code is None else pipes.finished(code)


def play(recipe: shelf.Recipe, *argv: str) -> tuple[int | None, str]:
    """Play a recipe; return the exit code and what was printed."""
    with Pipes() as pipes:
        words = argv or ("echo", "it ran")
        code = replay.run(recipe, words, os.environb, pipes.inside())
        pipes.read()
        return code, pipes.finished(0).stdout


def recipe_for(spec: Spec) -> shelf.Recipe:
    plainly(replace(spec, argv=["true"]))
    recipe = recipes.find(spec)
    assert recipe
    return recipe


def comparable(text: str) -> list[str]:
    for varying, word in TIMES:
        text = re.sub(varying, word, text)
    command, start, init = text.partition("== 1/status")
    # While PID 1 waits for signals, it does not block them; and it has the handlers of
    # its maker, pytest's among them, for signals that it only waits for.
    return [*command.split("\n"), *re.sub(r"Sig(Blk|Cgt):.*", start, init).split("\n")]


@pytest.mark.parametrize("fails_at", [None, 1, 2])
def test_pid_1_starts_on_another_processor_and_may_then_use_all(
    fails_at: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    every, asked = os.sched_getaffinity(0), list[set[int]]()
    choose = os.sched_setaffinity

    def chosen(pid: int, processors: set[int]) -> None:
        asked.append(processors)
        if len(asked) == fails_at:
            raise PermissionError
        choose(pid, processors)

    recipe = recipe_for(Spec([]))
    monkeypatch.setattr(posix, "sched_setaffinity", chosen)
    code, printed = play(recipe, "grep", "Cpus_allowed:", "/proc/self/status")

    first, *rest = asked
    assert first < every
    assert len(every - first) == 1
    if fails_at == 1 or not first:  # then it has stayed where it was
        assert rest == []
    else:
        assert rest == [every]
    if fails_at == 2 and first:
        assert (code, printed) == (None, "")
    else:
        assert code == 0
        assert printed.split()[1] == procfs.status("self")["Cpus_allowed"]


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_a_program_finds_no_difference(box: Spec) -> None:
    spec = replace(box, argv=PROBE_WORDS)
    plain = plainly(spec)
    again = played(spec)

    assert again is not None
    assert comparable(again.stdout) == comparable(plain.stdout)
    assert comparable(again.stderr) == comparable(plain.stderr)
    assert again.code == plain.code
    assert "CapEff" in plain.stdout


def test_a_program_finds_no_difference_in_a_rootfs_of_ours(rootfs_dir: Path) -> None:
    test_a_program_finds_no_difference(Spec([], rootfs=rootfs_dir))


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_the_calls_are_those_of_the_plain_way(box: Spec) -> None:
    spec = replace(box, argv=["true"])
    recipe = recipe_for(spec)
    with syscalls.trace() as calls:
        container.capture(spec)
    names = [call.name for call in calls]
    clone, spawn = names.index("clone"), names.index("posix_spawn")
    asked = [
        (call.name, [for_c(value) for value in call.arguments.values()], call.result)
        for call in [*calls[:clone], *calls[clone + 1 : spawn]]
    ]
    # The first call of PID 1 is part of `player` itself.
    asked.remove(("prctl", [1, signal.SIGKILL], 0))
    written = [call for part in PARTS for call in recipe[part]]

    assert [name for name, *_ in written] == [name for name, *_ in asked]
    for (_, arguments, result, _), (_, now, answer) in zip(written, asked, strict=True):
        assert result == answer
        if type(arguments) is tuple:  # else something in it is another each time
            assert list(arguments) == now


PARTS = ("before", "between", "begin", "inside")


POSITIONS = (0, 1, 3, 7, 15, -1)


@pytest.mark.parametrize("box", ["the default", "more rights"])
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("part", PARTS)
def test_another_answer_than_before_stops_it(
    part: str, position: int, box: str
) -> None:
    recipe = recipe_for(BOXES[box])
    calls = list(recipe[part])
    if position >= len(calls):
        return
    if not calls:
        pytest.skip(f"nothing is asked {part} here")
    name, arguments, result, code = calls[position]
    for other in ((name, arguments, result + 1, code), (name, arguments, -1, 1)):
        calls[position] = other

        assert play(recipe | {part: calls}) == (None, "")
    assert play(recipe) == (0, "it ran\n")


def test_a_call_that_was_refused_must_be_refused_again() -> None:
    recipe = recipe_for(Spec([]))
    refused = ("chdir", (b"/nowhere",), -1, 2)
    allowed = ("chdir", (b"/",), -1, 2)

    assert play(recipe | {"inside": [*recipe["inside"], refused]})[0] == 0
    assert play(recipe | {"inside": [*recipe["inside"], allowed]}) == (None, "")


def test_another_file_than_before_stops_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("before")
    stamps = [(str(file), shelf.stamp(str(file)))]
    recipe = recipe_for(Spec([])) | {"stamps": stamps}

    assert play(recipe) == (0, "it ran\n")
    file.write_text("after")
    assert play(recipe) == (None, "")
    file.unlink()
    assert play(recipe) == (None, "")


def test_a_file_where_there_was_none_stops_it(tmp_path: Path) -> None:
    recipe = recipe_for(Spec([])) | {"absent": [str(tmp_path / "new")]}

    assert play(recipe) == (0, "it ran\n")
    (tmp_path / "new").touch()
    assert play(recipe) == (None, "")


def test_a_rootfs_that_is_gone_stops_it(tmp_path: Path) -> None:
    assert play(recipe_for(Spec([])) | {"root": str(tmp_path / "gone")}) == (None, "")


def test_another_path_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_for(Spec([]))
    monkeypatch.setenv("PATH", "/nowhere:" + os.environ["PATH"])

    assert play(recipe) == (None, "")


def test_other_rights_of_ours_stop_it() -> None:
    recipe = recipe_for(Spec([]))

    def in_another_user_namespace() -> tuple[int | None, str]:
        from cfslib.isolation import idmaps

        idmaps.unshare_as_root(0)
        return play(recipe)

    assert in_child(in_another_user_namespace) == (None, "")


@needs_root
def test_another_cgroup_of_ours_stops_it() -> None:
    """Its groups would be made where we were, not where we are."""
    recipe = recipe_for(Spec([]))
    circumstances = list(recipe["circumstances"])
    assert b":/" in circumstances[1]
    circumstances[1] = circumstances[1].replace(b":/", b":/elsewhere/", 1)

    assert play(recipe | {"circumstances": circumstances}) == (None, "")


def test_namespaces_that_we_may_not_make_stop_it() -> None:
    assert play(recipe_for(Spec([])) | {"namespaces": -1 & 0xFFFFFF00}) == (None, "")


def test_what_cannot_be_executed_is_left_to_the_plain_way() -> None:
    recipe = recipe_for(Spec([]))

    for words in (["no-such-program"], ["/"], [""]):
        assert play(recipe, *words) == (None, "")


def test_a_stopped_replay_keeps_nothing_open() -> None:
    recipe = recipe_for(Spec([]))
    before = os.listdir("/proc/self/fd")
    for part in PARTS:
        assert play(recipe | {part: [("chdir", (b"/",), 1, 0)]})[0] is None
    play(recipe)

    assert os.listdir("/proc/self/fd") == before


def test_whoever_traces_gets_the_plain_way() -> None:
    recipe_for(Spec([]))
    with syscalls.trace():
        assert played(Spec(["true"])) is None
    assert played(Spec(["true"])) is not None


@pytest.mark.parametrize("term", ["vt100", None])
def test_the_terminal_is_that_of_the_caller(
    term: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe_for(Spec([]))
    if term:
        monkeypatch.setenv("TERM", term)
    else:
        monkeypatch.delenv("TERM", raising=False)
    done = played(Spec(["sh", "-c", 'echo "$TERM"']))

    assert done
    assert done.stdout == f"{term or 'dumb'}\n"


CFS = [sys.executable, "-m", "cfslib.cli.entry"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["no-such-program"], 127, "cfs: no-such-program: No such file or directory"),
        (["/etc"], 126, "cfs: /etc: Permission denied"),
        (["--workdir", "/none", "true"], 125, 'cfs: chdir("/none")'),
    ],
)
def test_errors_read_as_ever(words: list[str], code: int, text: str) -> None:
    subprocess.run([*CFS, "run", "true"], check=True)
    told = {
        (done.returncode, done.stderr)
        for _ in range(2)
        for done in [
            subprocess.run([*CFS, "run", *words], capture_output=True, text=True)
        ]
    }

    assert len(told) == 1
    ((returned, error),) = told
    assert (returned, error.startswith(text)) == (code, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_passed_on(number: signal.Signals) -> None:
    recipe_for(Spec([]))

    def send() -> str:
        signal.signal(number, signal.SIG_DFL)
        program = (
            f"trap 'echo heard; exit 3' {number.name[3:]}; echo up; sleep 60 & wait"
        )
        ours, theirs = os.pipe()
        output, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            recipe = recipes.find(Spec([]))
            assert recipe
            words = ["sh", "-c", program]
            os._exit(replay.run(recipe, words, os.environb, [ours, writer, 2]) or 0)
        os.close(writer)
        heard = os.read(output, 3)
        os.kill(pid, number)
        while more := os.read(output, 100):
            heard += more
        os.close(theirs)
        _, status = os.waitpid(pid, 0)
        return f"{heard.decode()}{os.waitstatus_to_exitcode(status)}"

    assert in_child(send) == "up\nheard\n3"


def test_what_never_answers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PATIENCE", 1)
    os.mkfifo(tmp_path / "fifo")
    forever = ("open", (os.fsencode(tmp_path / "fifo"), os.O_WRONLY), 3, 0)
    recipe = recipe_for(Spec([])) | {"begin": [forever]}

    assert play(recipe) == (None, "")
