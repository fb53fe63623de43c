import os
import random
import resource
import signal
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import host_tools
from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.isolation.cgroups.janitor import Janitor
from cfslib.kernel import procfs, tracing
from cfslib.observe import sightings
from cfslib.runtime import ahead, channel, client
from cfslib.runtime.ahead import Ahead
from cfslib.runtime.request import Made, Request
from cfslib.runtime.spec import Spec
from tests.conftest import is_alive, needs_namespaces, wait_until
from tests.runtime.threads import captured

pytestmark = needs_namespaces

A_TICK = 0.02  # seconds: within less, two processes may have started at the same time
STARTED = 21  # field 22 of /proc/PID/stat: when it was started, in ticks since boot
WHEN_STARTED = ["sh", "-c", "read -r stat </proc/1/stat; echo $stat"]


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    host_tools.build(tmp_path / "root", ["sh", "ls", "true"])
    return tmp_path / "root"


@pytest.fixture
def spec(rootfs: Path) -> Spec:
    """Return a container that prints when it was made."""
    return Spec(WHEN_STARTED, rootfs=rootfs)


@pytest.fixture(autouse=True)
def _a_new_server() -> Generator[None]:
    client.stop()
    yield
    client.stop()


def waiting() -> list[int]:
    """Return the pids of containers that were made ahead."""
    server = client.server.pid
    family = sightings.below(server) if server else []
    return [seen.pid for seen in family if seen.name == "cfs-ahead"]


def wait_for_one(spec: Spec) -> int:
    """Have one made ahead, and return its pid."""
    captured(spec)
    assert wait_until(lambda: len(waiting()) == 1)
    return waiting()[0]


def started(stat: str) -> str:
    return stat.rpartition(")")[2].split()[STARTED - 2]


def is_used(spec: Spec, before: Callable[[], object]) -> bool:
    """Have one made ahead; after `before`, say if the next container is that one."""
    one = wait_for_one(spec)
    stat = Path(f"/proc/{one}/stat").read_text()
    time.sleep(A_TICK)
    changed = before()
    next_one = changed if isinstance(changed, Spec) else spec
    used = started(captured(next_one).stdout) == started(stat)

    assert wait_until(lambda: not is_alive(one))  # it is of no use any more
    return used


def test_the_next_container_is_the_one_that_was_made_ahead(spec: Spec) -> None:
    assert is_used(spec, lambda: None)
    assert wait_until(lambda: len(waiting()) == 1)


def test_it_runs_another_command(spec: Spec) -> None:
    assert is_used(spec.changed(argv=["true"]), lambda: spec)


ANOTHER: dict[str, Callable[[Spec], Spec]] = {
    "hostname": lambda spec: spec.changed(hostname="other"),
    "environment": lambda spec: spec.changed(env={"A": "1"}),
    "capabilities": lambda spec: spec.changed(
        capabilities=DEFAULT - {Capability.CHOWN}
    ),
    "writing": lambda spec: spec.changed(read_only=True),
}


@pytest.mark.parametrize("part", ANOTHER)
def test_it_is_not_used_for_another_spec(part: str, spec: Spec) -> None:
    assert not is_used(spec, lambda: ANOTHER[part](spec))


@pytest.mark.parametrize("name", ["HOME", "PATH", "TERM", "XDG_CACHE_HOME"])
def test_it_is_not_used_in_another_environment(
    name: str, spec: Spec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    value = f"{os.environ.get(name, '')}:{tmp_path}"

    assert not is_used(spec, lambda: monkeypatch.setenv(name, value))


def test_other_variables_do_not_matter(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_used(spec, lambda: monkeypatch.setenv("OTHER", "1"))


def test_it_is_not_used_in_another_directory(
    spec: Spec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not is_used(spec, lambda: monkeypatch.chdir(tmp_path))


def test_it_is_not_used_once_the_rootfs_is_another(spec: Spec, rootfs: Path) -> None:
    def replace() -> None:
        rootfs.rename(rootfs.with_name("old"))
        host_tools.build(rootfs, ["sh", "ls", "true"])

    assert not is_used(spec, replace)


def test_it_is_not_used_if_somebody_traces(spec: Spec) -> None:
    one = wait_for_one(spec)
    with tracing.trace() as calls:
        captured(spec)

    assert "pivot_root" in [call.name for call in calls]
    assert not is_alive(one)


def test_it_is_not_used_for_a_command_too_long_for_one_message(spec: Spec) -> None:
    words = ["x" * 100_000] * 3
    long = spec.changed(argv=[*WHEN_STARTED, *words])

    assert not is_used(spec, lambda: long)


def test_it_is_not_used_once_we_are_nicer(spec: Spec) -> None:
    """By a script too, a container would be as nice as we are."""

    def examined() -> bool:
        return is_used(spec, lambda: os.nice(1))

    assert not in_child(examined)


def test_what_came_into_its_rootfs_meanwhile_is_there(spec: Spec, rootfs: Path) -> None:
    wait_for_one(spec)
    (rootfs / "bin/new").write_text("#!/bin/sh\necho new\n")
    (rootfs / "bin/new").chmod(0o755)

    assert captured(spec.changed(argv=["/bin/new"])).stdout == "new\n"


def test_the_terminal_is_that_of_who_uses_it(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for_one(spec)
    monkeypatch.setenv("TERM", "vt100")

    assert captured(spec.changed(argv=["sh", "-c", "echo $TERM"])).stdout == "vt100\n"


def test_killed_while_it_waits_it_is_made_again(spec: Spec) -> None:
    one = wait_for_one(spec)
    os.kill(one, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(one))

    for _ in range(2):
        assert captured(spec.changed(argv=["sh", "-c", "echo well"])).stdout == "well\n"


def test_another_kind_of_container_takes_its_place(spec: Spec) -> None:
    one = wait_for_one(spec)
    captured(spec.changed(hostname="other"))

    assert wait_until(lambda: len(waiting()) == 1 and waiting() != [one])
    assert not is_alive(one)


@pytest.mark.parametrize("stopped", [True, False])
def test_it_ends_with_its_server(stopped: bool, spec: Spec) -> None:
    one = wait_for_one(spec)
    if stopped:
        client.stop()
    else:
        assert client.server.pid
        os.kill(client.server.pid, signal.SIGKILL)

    assert wait_until(lambda: not is_alive(one))


def test_it_is_no_container_yet(spec: Spec) -> None:
    wait_for_one(spec)

    assert sightings.containers(os.getpid()) == []


def test_whenever_the_server_is_killed_nothing_is_left(spec: Spec) -> None:
    chance = random.Random(8)
    wait_for_one(spec)
    servers, codes = set[int](), set[int]()

    def kill() -> None:
        time.sleep(chance.uniform(0, 0.01))
        server = client.server.pid
        if server:  # else the next one is just being started
            with suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)

    for _ in range(30):
        killer = Thread(target=kill)
        killer.start()
        for _ in range(2):
            with suppress(ChildProcessError):  # it was killed while this one ran
                codes.add(captured(spec).code)
            servers.add(client.server.pid or 0)
        killer.join()

    assert codes == {0}
    assert len(servers) > 15
    assert wait_until(lambda: not left_by(servers))


def left_by(servers: set[int]) -> list[str]:
    """Name the groups of containers that these processes have made."""
    makers = tuple(f"cfs-{server}-" for server in servers)
    return [
        os.path.join(directory, name)
        for mount in procfs.mounts()
        if mount.fstype.startswith("cgroup")
        for directory, names, _ in os.walk(mount.target)
        for name in names
        if name.startswith(makers)
    ]


def test_without_a_request_for_some_seconds_it_is_gone(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = f"from cfslib.runtime import ahead; ahead.KEPT = {ahead.KEPT / 10}"
    program = client.PROGRAM.replace("server.serve", f"{hasty}\nserver.serve")
    monkeypatch.setattr(client, "PROGRAM", program)
    wait_for_one(spec)

    assert wait_until(lambda: not waiting())


# The one that is kept, without a server.


def request(spec: Spec) -> Request:
    return Request(spec, dict(os.environb), "/", False)


def test_after_the_time_it_is_kept_nothing_of_it_is_left(spec: Spec) -> None:
    def make_and_end() -> tuple[list[str], list[float | None], list[str]]:
        def left() -> list[str]:
            return sorted(os.listdir("/proc/self/fd")) + left_by({os.getpid()})

        janitor = Janitor()
        before, one = left(), Ahead(lambda wanted: Made(wanted, lambda: janitor))
        patience = [one.patience(last_runs=False)]
        assert one.take(request(spec)) is None
        for _ in range(2):
            patience.append(one.patience(last_runs=False))
            one.idle()
        patience.append(one.patience(last_runs=False))
        after = left()
        janitor.dismiss()
        return before, patience, after

    before, patience, after = in_child(make_and_end)
    assert patience == [None, ahead.SOON, ahead.KEPT, None]
    assert before == after


def test_one_that_cannot_be_made_is_tried_once(spec: Spec) -> None:
    tries: list[Request] = []

    def refuse(wanted: Request) -> Made:
        tries.append(wanted)
        raise OSError

    one = Ahead(refuse)
    one.take(request(spec))
    one.idle()

    assert len(tries) == 1
    assert one.patience(last_runs=False) is None


def test_the_end_of_the_last_one_comes_first(spec: Spec) -> None:
    def refuse(_: Request) -> Made:
        raise OSError

    one = Ahead(refuse)
    assert one.patience(last_runs=True) is None
    one.take(request(spec))

    assert one.patience(last_runs=True) == ahead.LATER > ahead.SOON


@pytest.mark.parametrize("room", range(4))  # for the rootfs, the channel, and /proc
def test_without_room_for_its_files_none_is_made(room: int, spec: Spec) -> None:
    def idle() -> tuple[float | None, set[str], set[str]]:
        janitor = Janitor()
        one = Ahead(lambda wanted: Made(wanted, lambda: janitor))
        one.take(request(spec))
        before = _files()
        free = [os.dup(0) for _ in range(room + 1)]
        for fd in free:
            os.close(fd)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free[-1], hard))
        one.idle()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        had_one = one.patience(last_runs=False)
        one.end()
        after = _files()
        janitor.dismiss()
        return had_one, before, after

    had_one, before, after = in_child(idle)
    assert had_one is None or room == 3
    assert before == after


def _files() -> set[str]:
    """Return what this process has open, but for the directory that it reads."""
    places = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return {f"{p} {os.readlink(p)}" for p in places if os.path.lexists(p)}


def test_an_order_that_is_one_message_is_long_enough_for_most() -> None:
    assert channel.fits(["x" * 10_000])
