"""Nobody inside gets hold of the host by one who is on the way in.

Each of these has been an escape: CVE-2016-9962, CVE-2019-5736, CVE-2024-21626.
"""

import os
import subprocess
import sys
from collections.abc import Generator
from typing import NoReturn

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import keyring
from cfslib.observe import sightings
from cfslib.runtime import enter
from cfslib.runtime.enter import Command
from cfslib.runtime.state import State
from tests.conftest import needs_namespaces, wait_until
from tests.life import CFS, Life, life

pytestmark = needs_namespaces
LINKS = ("fd/0", "fd/3", "exe", "cwd", "root", "ns/mnt", "ns/user")
FILES = ("environ", "maps", "mem", "auxv", "stack", "syscall")


@pytest.fixture(scope="module")
def lives() -> Generator[Life]:
    with life() as found:
        yield found


@pytest.fixture(scope="module")
def box(lives: Life) -> State:
    """Return a container that is there for all tests that do it no harm."""
    return lives.start("--name", "box", "sleep", 1000)


# CVE-2016-9962: a process inside looks into one on its way.


def test_nobody_inside_can_look_into_one_on_its_way(lives: Life, box: State) -> None:
    links = " ".join(f"/proc/$p/{it}" for it in LINKS)
    files = " ".join(f"/proc/$p/{it}" for it in FILES)
    script = f"""p=$1; cat /proc/$p/cmdline
for link in {links}; do readlink $link && echo; ls $link/; done
cat {files}; echo > /proc/$p/mem"""

    def slowly() -> None:
        keyring.join_new_session = lambda: os.kill(os.getpid(), 19)  # SIGSTOP
        enter.run(box, Command(["true"]))

    pid = os.fork()
    if pid == 0:
        try:
            slowly()
        finally:
            os._exit(0)
    try:
        assert wait_until(lambda: _stopped(lives) != "")
        inside = _stopped(lives)
        done = lives.cfs("exec", "box", "sh", "-c", script, "sh", inside)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)

    assert done.stdout.rstrip("\0") == "cfs"  # not even the arguments of our Python
    refused = done.stderr.count("ermission denied") + done.stderr.count("not permitted")
    assert refused == len(LINKS) + len(FILES) + 1


def _stopped(lives: Life) -> str:
    """Return the pid inside of a process of ours that stands still."""
    for line in lives.did("exec", "box", "ps", "-eo", "pid,stat").splitlines():
        pid, state = line.split()
        if state.startswith("T"):
            return pid
    return ""


# CVE-2024-21626: a descriptor of the host's, or a directory that is outside.


def test_no_descriptor_of_the_callers_comes_in(lives: Life, box: State) -> None:
    fd = os.open("/", os.O_RDONLY)
    os.set_inheritable(fd, True)
    try:
        script = "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done"
        line = ["exec", "box", "sh", "-c", script]
        words = lives.did(*line, pass_fds=[fd]).split()
    finally:
        os.close(fd)

    assert (
        {"0", "1", "2"} <= {*words} <= {"0", "1", "2", "3", "10"}
    )  # some of the shell's


@pytest.mark.parametrize(
    "directory",
    [*(f"/proc/self/fd/{fd}" for fd in range(3, 12)), "/proc/self/cwd/../../.."],
)
def test_it_does_not_start_outside(lives: Life, box: State, directory: str) -> None:
    done = lives.cfs("exec", "-w", directory, "box", "ls")

    if done.returncode == 0:
        assert done.stdout == lives.did("exec", "box", "ls", "/")
    else:
        assert done.returncode == 125
        assert done.stdout == ""


def test_a_closed_stream_is_no_way_out(lives: Life, box: State) -> None:
    line = f"{' '.join(CFS)} exec box sh -c 'ls -l /proc/$$/fd >/tmp/fds' <&- >&- 2>&-"
    subprocess.run(["sh", "-c", line], env=lives.env, check=True, timeout=60)

    links = lives.did("exec", "box", "cat", "/tmp/fds").splitlines()[1:]
    targets = {line.rpartition(" -> ")[2] for line in links if " -> " in line}
    assert targets <= {"/dev/null", "/tmp/fds"}


# CVE-2019-5736: the host's Python, by /proc/self/exe.


@pytest.mark.parametrize(
    "make",
    [
        "ln -s /proc/self/exe /bin/it",
        "printf '#!/proc/self/exe\\n' > /bin/it; chmod +x /bin/it",
        "ln -s /proc/self/exe /e; printf '#!/e\\n' > /bin/it; chmod +x /bin/it",
        "ln -s self /proc-; ln -s /proc/self/exe /bin/it",
    ],
)
def test_the_hosts_python_is_not_started(lives: Life, make: str) -> None:
    lives.start("--name", "evil", "sleep", 1000)
    lives.did("exec", "evil", "sh", "-c", make)
    done = lives.cfs("exec", "evil", "it", "-c", "print('the host\\'s')")

    assert done.returncode == 126
    assert "Too many levels of symbolic links" in done.stderr
    assert done.stdout == ""
    lives.did("rm", "-f", "evil")


def test_whoever_is_quicker_does_not_get_it_started_either(lives: Life) -> None:
    script = """
cd /; printf '#!/proc/self/exe\\n' > s; printf '#!/bin/true\\n' > t; chmod +x s t
while :; do
    ln -sf /proc/self/exe it; cp -f s it2; ln -sf /bin/true it; cp -f t it2
done"""
    lives.start("--name", "quick", "--pids-limit", 100, "sh", "-c", script)
    assert wait_until(lambda: lives.cfs("exec", "quick", "ls", "/it2").returncode == 0)
    seen = set()
    for name in ("/it", "/it2") * 12:
        done = lives.cfs("exec", "quick", name, "-c", "print('the host\\'s')")
        seen.add(done.returncode)
        assert done.stdout == ""

    assert seen <= {0, 126, 127}
    lives.did("rm", "-f", "quick")


def test_the_program_is_a_file_of_the_container(lives: Life, box: State) -> None:
    exe = lives.did("exec", "box", "readlink", "/proc/self/exe")

    assert exe.startswith("/")
    assert exe.strip() in lives.did("exec", "box", "sh", "-c", "ls /*bin/* /usr/bin/*")


# An orphan inside whom nobody outside waits for: the container could not end.


def test_one_who_was_refused_is_waited_for(box: State) -> None:
    before = _zombies()
    for _ in range(20):
        with pytest.raises(OSError, match="nosuch"):
            in_child(lambda: enter.run(box, Command(["nosuch"])))

    assert _zombies() == before


def _zombies() -> set[tuple[int, ...]]:
    """Return the pids of those below us, orphans too, who nobody has waited for."""
    ours = sightings.below(os.getpid())
    return {one.levels for one in ours if one.state == "Z" and len(one.levels) > 1}


# Scripts, which are not given to the kernel as such.


@pytest.mark.parametrize(
    ("first", "argv", "printed"),
    [
        ("#!/bin/sh", [], "/it|"),
        ("#! /bin/sh -e", ["a b"], "/it|a b"),
        ("#!/usr/bin/env sh", ["x"], "/it|x"),
        ("#!/inner one two", ["x"], "/inner|one two|/it|x"),
    ],
)
def test_a_script_runs_as_everywhere(
    lives: Life, box: State, first: str, argv: list[str], printed: str
) -> None:
    body = 'IFS="|"; echo "$0|$*"'
    for name, line in (("/inner", "#!/bin/sh"), ("/it", first)):
        text = f"{line}\n{body}\n"
        write = 'cat > $0; chmod +x "$0"'
        lives.did("exec", "box", "sh", "-c", write, name, input=text)
    inside = lives.did("exec", "box", "sh", "-c", '/it "$@"', "sh", *argv)

    assert lives.did("exec", "box", "/it", *argv) == inside == f"{printed}\n"


def test_after_the_root_has_changed_nothing_is_imported(box: State) -> None:
    def listening() -> str:
        seen: list[str] = []
        real = keyring.join_new_session

        def listen() -> None:
            before = {*sys.modules}
            real()
            sys.addaudithook(
                lambda event, args: seen.append(args[0]) if event == "import" else None
            )
            assert before == {*sys.modules}

        def tell(*_: object, **named: object) -> NoReturn:
            raise OSError(f"imported: {seen}")

        from cfslib.kernel import execute

        keyring.join_new_session, execute.become = listen, tell
        try:
            enter.run(box, Command(["true"], user="root:root", workdir="/tmp"))
        except OSError as error:
            return str(error)
        return ""

    assert "No such" not in in_child(listening)
