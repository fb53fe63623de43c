import errno
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cfslib.children import forkclient
from cfslib.children.in_child import in_child, on_one_thread
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from tests.conftest import in_time, is_alive, wait_until


def alone() -> bool:
    """Wait for threads that have ended: the kernel takes a moment to forget them."""
    return wait_until(lambda: procfs.thread_count() == 1)


WAYS = ["forked", "by the fork server"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Generator[str]:
    """Run a test in a process with one thread, and again in one with two."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    if request.param == "by the fork server":
        thread.start()
    else:
        assert alone()
    yield request.param
    end.set()
    if thread.ident:
        thread.join()


THREAD = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""


def script(way: str, program: str) -> list[str]:
    """Return the words that run a program, with a second thread if need be."""
    start = THREAD if way == "by the fork server" else ""
    imports = "from cfslib.children.in_child import in_child\n"
    return [sys.executable, "-u", "-c", start + imports + textwrap.dedent(program)]


def output(way: str, program: str) -> str:
    """Return what a program prints, both streams in one, after it went well."""
    with subprocess.Popen(
        script(way, program), stdin=-1, stdout=-1, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        text = process.stdout.read()

    assert process.returncode == 0, text
    return text


# What comes back.


@pytest.mark.usefixtures("way")
def test_a_child_brings_back_what_the_function_returned() -> None:
    assert in_child(lambda: {"answer": [6 * 7]}) == {"answer": [42]}


@pytest.mark.usefixtures("way")
def test_a_result_larger_than_a_pipe_comes_back_whole() -> None:
    assert len(in_child(lambda: bytes(1_000_000))) == 1_000_000


@pytest.mark.usefixtures("way")
def test_a_function_larger_than_a_socket_takes_at_once_travels_whole() -> None:
    data = os.urandom(1_000_000)

    assert in_child(lambda: zlib.crc32(data)) == zlib.crc32(data)


def test_each_child_is_another_process(way: str) -> None:
    pids = {in_child(os.getpid) for _ in range(3)}

    assert len(pids | {os.getpid()}) == 4
    parent = in_child(os.getppid)
    assert (parent == os.getpid()) == (way == "forked")


@pytest.mark.usefixtures("way")
def test_a_child_has_one_thread_and_may_unshare_what_it_likes() -> None:
    before = os.stat("/proc/self/ns/user").st_ino

    def unshared() -> int:
        syscalls.unshare(Namespace.USER)
        return os.stat("/proc/self/ns/user").st_ino

    try:
        assert in_child(unshared) != before
    except PermissionError:
        pytest.skip("needs user namespaces")
    assert os.stat("/proc/self/ns/user").st_ino == before


@pytest.mark.usefixtures("way")
def test_a_child_raises_here_with_class_and_text_and_number() -> None:
    with pytest.raises(FileNotFoundError, match="/nowhere") as caught:
        in_child(lambda: os.listdir("/nowhere"))
    assert caught.value.errno == errno.ENOENT


@pytest.mark.usefixtures("way")
def test_a_hint_travels_with_its_error() -> None:
    with pytest.raises(OSError, match="chdir") as caught:
        in_child(lambda: syscalls.chdir("/nowhere"))
    assert caught.value.__notes__ == [
        "Hint: there is no such directory in what is now the root."
    ]


@pytest.mark.usefixtures("way")
def test_an_error_without_a_hint_says_the_line() -> None:
    def divide() -> float:
        return 1 / 0

    with pytest.raises(ZeroDivisionError) as caught:
        in_child(divide)
    line = divide.__code__.co_firstlineno + 1
    assert caught.value.__notes__ == [f"In the child: line {line} of divide()"]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, StopIteration])
def test_what_is_no_error_is_raised_here_too(kind: type[BaseException]) -> None:
    def raise_it() -> None:
        raise kind

    with pytest.raises(kind):
        in_child(raise_it)


@pytest.mark.usefixtures("way")
def test_a_result_that_cannot_travel_is_an_error_that_names_it() -> None:
    with pytest.raises(ChildProcessError, match=r"cannot send .*generator"):
        in_child(lambda: (n for n in [1]))


class Stubborn(Exception):
    """It can be packed, but not unpacked."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


@pytest.mark.usefixtures("way")
def test_an_error_that_cannot_travel_is_told() -> None:
    def raise_it() -> None:
        raise Stubborn("so", "there")

    with pytest.raises(ChildProcessError, match=r"Stubborn\('so there'\)"):
        in_child(raise_it)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_a_child_that_is_killed_says_by_which_signal(number: signal.Signals) -> None:
    with pytest.raises(ChildProcessError, match=f"killed by {number.name}"):
        in_child(lambda: os.kill(os.getpid(), number))


@pytest.mark.usefixtures("way")
def test_a_child_that_exits_says_with_which_code() -> None:
    with pytest.raises(ChildProcessError, match="without an answer: exit status 7"):
        in_child(lambda: os._exit(7))


@pytest.mark.usefixtures("way")
def test_the_calls_of_a_child_are_in_our_trace() -> None:
    with syscalls.trace() as calls:
        in_child(lambda: syscalls.chdir("/"))

    assert [str(call) for call in calls] == ['chdir("/") = 0']
    assert calls[0].pid != os.getpid()


@pytest.mark.usefixtures("way")
def test_the_calls_of_a_child_that_failed_are_too() -> None:
    with syscalls.trace() as calls, pytest.raises(FileNotFoundError):
        in_child(lambda: syscalls.chdir("/nowhere"))

    assert [str(call) for call in calls] == ['chdir("/nowhere") = -1 ENOENT']


# Where a child is.


@pytest.mark.usefixtures("way")
def test_a_child_stands_where_we_do(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("SET_A_MOMENT_AGO", "yes")
        patch.syspath_prepend(str(tmp_path))
        place = in_child(
            lambda: (os.getcwd(), os.getenv("SET_A_MOMENT_AGO"), sys.path[0])
        )

    assert place == (str(tmp_path), "yes", str(tmp_path))


@pytest.mark.usefixtures("way")
def test_what_a_child_changes_is_its_own() -> None:
    before = os.getcwd(), dict(os.environ)

    def change() -> None:
        os.chdir("/")
        os.environ.clear()

    in_child(change)
    assert (os.getcwd(), dict(os.environ)) == before


@pytest.mark.usefixtures("way")
def test_a_child_can_have_children() -> None:
    assert in_child(lambda: in_child(lambda: in_child(lambda: 42))) == 42


@pytest.mark.usefixtures("way")
def test_a_child_can_start_threads_and_then_has_children_all_the_same() -> None:
    def with_threads() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(in_child, lambda: 42).result()

    assert in_child(with_threads) == 42


@pytest.mark.usefixtures("way")
def test_a_child_leaves_no_zombie_and_no_open_file() -> None:
    in_child(lambda: None)  # may start the fork server
    task = Path(f"/proc/self/task/{os.getpid()}/children")
    before = os.listdir("/proc/self/fd"), task.read_text()

    for _ in range(3):
        in_child(lambda: None)
        with pytest.raises(ChildProcessError):
            in_child(lambda: os._exit(1))
    assert (os.listdir("/proc/self/fd"), task.read_text()) == before


def test_nothing_but_the_standard_streams_is_open_for_a_child_of_the_server() -> None:
    def open_files() -> dict[str, str]:
        names = (name for name in os.listdir("/proc/self/fd"))
        links = {name: f"/proc/self/fd/{name}" for name in names}
        return {n: os.readlink(x) for n, x in links.items() if os.path.exists(x)}

    def for_programs() -> list[str]:
        done = subprocess.run(["ls", "/proc/self/fd"], stdout=-1, close_fds=False)
        return done.stdout.decode().split()

    with ThreadPoolExecutor(4) as pool:
        sleepers = [pool.submit(in_child, lambda: time.sleep(0.1)) for _ in range(3)]
        found = pool.submit(in_child, open_files).result()
        inherited = pool.submit(in_child, for_programs).result()
        for sleeper in sleepers:
            sleeper.result()

    links = list(found.values())
    assert links[0] == "/dev/null"
    assert links[1].startswith("pipe:")
    assert links[1] == links[2]
    assert sum(link.startswith("socket:") for link in links) == 1  # for its answer
    assert inherited == ["0", "1", "2", "3"]  # 3 is what ls reads the directory with


# What is printed.


@pytest.mark.parametrize("way", WAYS)
def test_what_is_printed_keeps_its_order_whoever_prints_it(way: str) -> None:
    program = """
        import os, subprocess, sys

        def speak():
            print("print")
            os.system("echo a shell")
            print("an error", file=sys.stderr)
            subprocess.run(["echo", "a program"])
            os.write(1, b"a call, ")
            print("no newline", end="")

        print("before")
        in_child(speak)
        print(" after")
        """

    assert output(way, program).splitlines() == [
        *["before", "print", "a shell", "an error", "a program"],
        "a call, no newline after",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_printed_before_a_death_is_seen(way: str) -> None:
    program = """
        import os

        def die():
            os.write(1, b"last words\\n")
            os.kill(os.getpid(), 9)

        try:
            in_child(die)
        except ChildProcessError as error:
            print(error)
        """

    words, error = output(way, program).splitlines()
    assert words == "last words"
    assert error.endswith("killed by SIGKILL")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_printed_appears_while_the_child_still_runs(way: str) -> None:
    program = """
        import time

        def speak():
            print("now", flush=True)
            time.sleep(60)

        in_child(speak)
        """
    with subprocess.Popen(script(way, program), stdin=-1, stdout=-1) as process:
        assert process.stdout
        line = process.stdout.readline()
        process.kill()

    assert line == b"now\n"


def test_what_a_child_of_the_server_prints_goes_where_print_goes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In Jupyter that is the cell: sys.stdout, and not file descriptor 1."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_child, lambda: print("grüße" * 20_000)).result()

    assert capsys.readouterr().out == "grüße" * 20_000 + "\n"


def test_text_that_is_not_utf_8_is_shown_as_well_as_can_be(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_child, lambda: os.write(1, b"a\xffb\n")).result()

    assert capsys.readouterr().out == "a�b\n"


# Functions of a notebook live in __main__, where no import finds them.


@pytest.mark.parametrize("way", WAYS)
def test_functions_and_classes_of_a_notebook_travel(way: str) -> None:
    program = """
        class Mistake(Exception):
            pass

        class Box:
            def __init__(self, content):
                self.content = content

        FACTOR = 6

        def helper(number):
            return Box(FACTOR * number)

        def mistaken():
            raise Mistake("mine", 3)

        seven = 7
        box = in_child(lambda: helper(seven))
        print(type(box) is Box, box.content)
        try:
            in_child(mistaken)
        except Mistake as error:
            print(error.args, error.__notes__)
        """

    first, second = output(way, program).splitlines()
    assert first == "True 42"
    assert re.fullmatch(
        r"\('mine', 3\) \['In the child: line \d+ of mistaken\(\)'\]", second
    )


# When somebody does not wait.

LONG = """
    import os, sys, time

    def long():
        print(os.getpid(), flush=True)
        time.sleep(60)

    try:
        in_child(long)
    except KeyboardInterrupt:
        print("interrupted")
        print(in_child(lambda: "and well"))
    """


@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_while_waiting_kills_the_child(way: str) -> None:
    with subprocess.Popen(script(way, LONG), stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert rest.splitlines() == ["interrupted", "and well"]
    assert wait_until(lambda: not is_alive(child))


def _lives_on(start: Callable[[], object]) -> tuple[float, int]:
    """Call `start` in a child; return how long that took, and the pid it returned."""
    begin = time.monotonic()
    pid = in_child(start)
    assert isinstance(pid, int)
    return time.monotonic() - begin, pid


def _forked() -> int:
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return pid


def _spawned() -> int:
    return os.posix_spawnp("sleep", ["sleep", "60"], os.environ)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("start", [_forked, _spawned])
def test_a_grandchild_that_lives_on_does_not_keep_us_waiting(
    start: Callable[[], int],
) -> None:
    took, pid = _lives_on(start)
    os.kill(pid, signal.SIGKILL)

    in_time(took, 30)


@pytest.mark.usefixtures("way")
def test_a_grandchild_that_lives_on_does_not_hide_how_its_parent_died() -> None:
    def leave() -> None:
        os.posix_spawnp("sleep", ["sleep", "1"], os.environ)
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="killed by SIGKILL"):
        in_child(leave)


# Which way is taken.


def test_with_one_thread_the_function_is_called_here() -> None:
    assert alone()
    assert on_one_thread(os.getpid) == os.getpid()


def test_with_more_threads_it_is_called_in_a_child() -> None:
    with ThreadPoolExecutor(1) as pool:
        pid = pool.submit(on_one_thread, os.getpid).result()

    assert pid != os.getpid()


def test_one_thread_needs_no_fork_server() -> None:
    forkclient.stop()
    assert alone()
    in_child(lambda: None)

    assert forkclient.server.pid is None


def test_many_threads_can_ask_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(in_child, lambda n=n: (n, os.getpid())) for n in range(24)]
        answers = [question.result() for question in asked]

    assert [number for number, _ in answers] == list(range(24))
    assert len({pid for _, pid in answers}) == 24


@pytest.mark.parametrize("way", WAYS)
def test_a_child_is_in_our_directory_though_that_was_removed(
    way: str, tmp_path: Path
) -> None:
    program = f"""
        import os
        import socket  # now, because Python 3.13.0 cannot do it there

        os.makedirs("{tmp_path}/gone")
        os.chdir("{tmp_path}/gone")
        os.rmdir("{tmp_path}/gone")
        print(in_child(lambda: os.stat(".").st_ino) == os.stat(".").st_ino)
        """

    assert output(way, program) == "True\n"


@pytest.mark.parametrize("way", WAYS)
def test_so_it_is_if_its_path_leads_elsewhere_now(way: str, tmp_path: Path) -> None:
    program = f"""
        import os

        os.makedirs("{tmp_path}/here")
        os.chdir("{tmp_path}/here")
        os.rename("{tmp_path}/here", "{tmp_path}/there")
        os.makedirs("{tmp_path}/here")
        print(in_child(os.getcwd) == "{tmp_path}/there")
        """

    assert output(way, program) == "True\n"


@pytest.mark.parametrize("way", WAYS)
def test_a_child_may_have_a_thousand_open_files_beside_it(way: str) -> None:
    program = """
        import os, resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
        files = [open("/dev/null") for _ in range(1100)]
        print(in_child(lambda: 42))
        """

    assert output(way, program) == "42\n"


@pytest.mark.alone("it measures time")
@pytest.mark.parametrize("way", WAYS)
def test_the_time_that_a_result_takes_grows_with_its_size_only(way: str) -> None:
    program = """
        import time

        def time_of(size):
            start = time.monotonic()
            assert len(in_child(lambda: bytes(size))) == size
            return time.monotonic() - start

        in_child(lambda: None)
        print(min(time_of(40_000_000) for _ in range(2)))
        print(min(time_of(4_000_000) for _ in range(3)))
        """
    large, small = map(float, output(way, program).split())

    in_time(large, 30 * small)
