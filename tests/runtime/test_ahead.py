import marshal
import os
import random
import resource
import signal
import socket
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from cfslib.children.in_child import in_child
from cfslib.children.streams import Finished
from cfslib.images import host_tools
from cfslib.isolation.cgroups.janitor import Janitor
from cfslib.kernel import messages, procfs
from cfslib.observe import sightings
from cfslib.runtime import ahead, client, container, orders, server, shelf
from cfslib.runtime.ahead import Ahead
from cfslib.runtime.player import Deviation
from cfslib.runtime.shelf import Recipe
from cfslib.runtime.spec import Spec
from tests.conftest import is_alive, needs_namespaces, wait_until
from tests.runtime.test_replay import (
    BOXES,
    PROBE_WORDS,
    comparable,
    plainly,
    recipe_for,
)

pytestmark = needs_namespaces

A_TICK = 0.02  # seconds: within less, two changes may have the same time
STARTED = 21  # field 22 of /proc/PID/stat: when it was started, in ticks since boot
WHEN_STARTED = "read -r stat </proc/1/stat; echo $stat"


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    host_tools.build(tmp_path, ["sh", "ls", "true"])
    return tmp_path


@pytest.fixture(autouse=True)
def _a_new_server() -> Generator[None]:
    client.stop()
    yield
    client.stop()


def by_a_thread(spec: Spec) -> Finished:
    """Run a container where the play server has to make it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(container.capture, spec).result()


def waiting() -> list[int]:
    """Return the pids of containers that were made ahead."""
    server = client.server.pid
    family = sightings.below(server) if server else []
    return [seen.pid for seen in family if seen.name == "cfs-ahead"]


def wait_for_one(spec: Spec) -> int:
    """Have one made ahead, and return its pid."""
    by_a_thread(spec)  # the plain way, perhaps
    client.stop()  # with what it may have made, which would soon be replaced
    by_a_thread(spec)
    assert wait_until(lambda: len(waiting()) == 1)
    return waiting()[0]


def started(stat: str) -> str:
    return stat.rpartition(")")[2].split()[STARTED - 2]


def test_the_next_container_is_the_one_that_was_made_ahead(rootfs: Path) -> None:
    spec = Spec(["sh", "-c", WHEN_STARTED], rootfs=rootfs)
    one = wait_for_one(spec)
    before = Path(f"/proc/{one}/stat").read_text()
    time.sleep(0.02)  # a container that is made now is one tick younger

    assert started(by_a_thread(spec).stdout) == started(before)
    assert wait_until(lambda: len(waiting()) == 1)
    assert waiting() != [one]


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_a_program_finds_no_difference(box: Spec) -> None:
    spec = replace(box, argv=PROBE_WORDS)
    plain = plainly(spec)
    wait_for_one(spec)
    done = by_a_thread(spec)

    assert comparable(done.stdout) == comparable(plain.stdout)
    assert comparable(done.stderr) == comparable(plain.stderr)
    assert done.code == plain.code


def test_it_runs_what_came_into_its_rootfs_meanwhile(rootfs: Path) -> None:
    words = ["/bin/new"]
    wait_for_one(Spec(["true"], rootfs=rootfs))
    (rootfs / "bin/new").write_text("#!/bin/sh\necho new\n")
    (rootfs / "bin/new").chmod(0o755)

    assert by_a_thread(Spec(words, rootfs=rootfs)).stdout == "new\n"
    assert wait_until(lambda: bool(waiting()))
    (rootfs / "bin/new").write_text("#!/bin/sh\necho newer\n")
    assert by_a_thread(Spec(words, rootfs=rootfs)).stdout == "newer\n"


def test_it_is_not_used_once_the_rootfs_has_changed(rootfs: Path) -> None:
    spec = Spec(["sh", "-c", WHEN_STARTED], rootfs=rootfs)
    one = wait_for_one(spec)
    before = Path(f"/proc/{one}/stat").read_text()
    time.sleep(0.02)  # a container that is made now is one tick younger
    (rootfs / "new").touch()

    assert started(by_a_thread(spec).stdout) != started(before)
    assert wait_until(lambda: not is_alive(one))


def test_the_terminal_is_that_of_who_uses_it(
    rootfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for_one(Spec(["true"], rootfs=rootfs))
    monkeypatch.setenv("TERM", "vt100")

    done = by_a_thread(Spec(["sh", "-c", "echo $TERM"], rootfs=rootfs))
    assert done.stdout == "vt100\n"


def test_killed_while_it_waits_it_is_made_again(rootfs: Path) -> None:
    spec = Spec(["sh", "-c", "echo well"], rootfs=rootfs)
    os.kill(wait_for_one(spec), signal.SIGKILL)

    assert by_a_thread(spec).stdout == "well\n"
    assert by_a_thread(spec).stdout == "well\n"


def test_without_a_word_of_the_server_it_runs_nothing(rootfs: Path) -> None:
    """A client may end between its orders and its request, or have others."""
    spec = Spec(["true"], rootfs=rootfs)
    one = wait_for_one(spec)
    reader, writer = os.pipe()
    give((["sh", "-c", "echo first"], {}), [0, writer, writer])
    os.close(writer)
    assert wait_until(lambda: Path(f"/proc/{one}/comm").read_text() == "cfs\n")

    second = by_a_thread(replace(spec, argv=["sh", "-c", "echo second"]))
    assert second.stdout == "second\n"
    with open(reader) as output:
        assert output.read() == ""  # and no orders of another client
    assert wait_until(lambda: len(waiting()) == 1)
    assert waiting() != [one]
    assert wait_until(lambda: not is_alive(one))


def give(order: tuple[list[str], dict[bytes, bytes]], streams: list[int]) -> None:
    """Tell the container that is ahead what to run, but not the server."""
    messages = [client.server.message() for _ in range(2)]
    channels = [channel for _, channels in messages for channel in channels]
    try:
        orders.give(channels[-1], order, streams)
    finally:
        for channel in channels:
            os.close(channel)


def test_one_that_has_ended_takes_no_orders(rootfs: Path) -> None:
    one = wait_for_one(Spec(["true"], rootfs=rootfs))
    os.kill(one, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(one))

    with pytest.raises(Deviation):
        give((["true"], {}), [0, 1, 2])


def test_another_kind_of_container_takes_its_place(rootfs: Path) -> None:
    one = wait_for_one(Spec(["true"], rootfs=rootfs))
    for _ in range(2):  # the first one in the plain way
        by_a_thread(Spec(["true"], rootfs=rootfs, hostname="other"))

    assert wait_until(lambda: len(waiting()) == 1 and waiting() != [one])
    assert not is_alive(one)


def test_it_ends_with_its_server(rootfs: Path) -> None:
    one = wait_for_one(Spec(["true"], rootfs=rootfs))
    client.stop()

    assert wait_until(lambda: not is_alive(one))


def test_whenever_the_server_is_killed_nothing_is_left(rootfs: Path) -> None:
    spec, chance = Spec(["true"], rootfs=rootfs), random.Random(8)
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
                codes.add(by_a_thread(spec).code)
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


def test_it_is_no_container_yet(rootfs: Path) -> None:
    wait_for_one(Spec(["true"], rootfs=rootfs))

    assert sightings.containers(os.getpid()) == []


def test_without_a_request_for_some_seconds_it_is_gone(
    rootfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = f"from cfslib.runtime import ahead; ahead.KEPT = {ahead.KEPT / 10}\nplayserver.serve"
    program = client.PROGRAM.replace("server.serve", hasty)
    monkeypatch.setattr(playclient, "PROGRAM", program)
    wait_for_one(Spec(["true"], rootfs=rootfs))

    assert wait_until(lambda: not waiting())


def test_after_the_time_it_is_kept_nothing_of_it_is_left(rootfs: Path) -> None:
    recipe = recipe_for(Spec(["true"], rootfs=rootfs))

    def make_and_end() -> tuple[list[str], list[float | None], list[str]]:
        def left() -> list[str]:
            groups = [entry.path for entry in procfs.cgroup_entries()]
            return sorted(os.listdir("/proc/self/fd")) + groups

        before, janitor, one = left(), Janitor(), Ahead()
        patience = [one.patience(last_runs=False)]
        assert one.take(recipe, b"") is None
        for _ in range(2):
            patience.append(one.patience(last_runs=False))
            one.idle(janitor)
        patience.append(one.patience(last_runs=False))
        janitor.dismiss()
        return before, patience, left()

    before, patience, after = in_child(make_and_end)
    assert patience == [None, ahead.SOON, ahead.KEPT, None]
    assert before == after


def test_one_that_cannot_be_made_is_tried_once(rootfs: Path) -> None:
    recipe = recipe_for(Spec(["true"], rootfs=rootfs))

    def idle_twice() -> list[float | None]:
        one = Ahead()
        one.take(recipe | {"root": "/nowhere"}, b"")
        tries = [one.patience(last_runs=False)]
        one.idle(None)
        return [*tries, one.patience(last_runs=False)]

    assert in_child(idle_twice) == [ahead.SOON, None]


@pytest.fixture
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a file that a rootfs may have come from."""
    path = tmp_path_factory.mktemp("tools") / "ls"
    path.touch()
    return path


def recipe_from(tool: Path, rootfs: Path) -> Recipe:
    """Return a recipe that holds only as long as a file does not change."""
    recipe = recipe_for(Spec(["true"], rootfs=rootfs))
    stamps = [*recipe["stamps"], (str(tool), shelf.stamp(str(tool)))]
    return recipe | {"stamps": stamps, "places": [str(tool.parent)]}


def test_it_is_made_only_of_files_that_are_as_before(rootfs: Path, tool: Path) -> None:
    recipe = recipe_from(tool, rootfs)

    def made() -> list[bool]:
        janitor, one, results = Janitor(), Ahead(), []
        for change in (None, tool.touch, tool.unlink, tool.parent.rmdir):
            if change:
                time.sleep(A_TICK)
                change()
            one.take(recipe, b"")
            results.append(bool(one.idle(janitor)))
        one.end()
        janitor.dismiss()
        return results

    assert in_child(made) == [True, False, False, False]


@pytest.mark.parametrize("in_place", [True, False])
def test_once_it_is_made_it_sees_files_replaced_but_not_written(
    in_place: bool, rootfs: Path, tool: Path
) -> None:
    recipe = recipe_from(tool, rootfs)

    def may_start() -> bool:
        janitor, one = Janitor(), Ahead()
        one.take(recipe, b"")
        made = one.idle(janitor)
        assert made
        time.sleep(A_TICK)
        if in_place:
            tool.write_text("new")
        else:
            (tool.parent / "new").write_text("new")
            (tool.parent / "new").replace(tool)
        try:
            made.start(shelf.circumstances(os.environb))
            return True
        except Deviation:
            return False
        finally:
            one.end()
            janitor.dismiss()

    assert in_child(may_start) == in_place


def test_the_end_of_the_last_one_comes_first() -> None:
    one = Ahead()
    assert one.patience(last_runs=True) is None
    one.take({}, b"")

    assert one.patience(last_runs=True) == ahead.LATER > ahead.SOON


def test_beside_a_container_that_stays_one_is_made_later(rootfs: Path) -> None:
    spec = Spec(["sh", "-c", "kill -STOP $$"], rootfs=rootfs)
    recipe = recipe_for(spec)
    request = marshal.dumps((recipe["name"], recipe, list(spec.argv), {}, b""))

    def patience() -> list[float | None]:
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        waits, answer = socket.socketpair()
        server = server.Server(theirs.detach())
        messages.send(ours, request, [answer.fileno(), 0, 1, 2])
        answer.close()
        server.accept()
        beside = server.patience()
        waits.close()  # so it is wanted no more, and killed
        while server.running:
            for number, _ in server.events.poll():
                server.look_at(number)
        after = server.patience()
        if server.janitor:
            server.janitor.dismiss()
        return [beside, after]

    assert in_child(patience) == [ahead.LATER, ahead.SOON]


@pytest.mark.parametrize("room", range(3))  # for the rootfs, and two for the channel
def test_without_room_for_its_descriptors_none_is_made(room: int, rootfs: Path) -> None:
    recipe = recipe_for(Spec(["true"], rootfs=rootfs))

    def idle() -> tuple[float | None, list[str], list[str]]:
        one = Ahead()
        one.take(recipe, b"")
        before = os.listdir("/proc/self/fd")
        free = [os.dup(0) for _ in range(room + 1)]
        for fd in free:
            os.close(fd)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free[-1], hard))
        one.idle(None)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return one.patience(last_runs=False), before, os.listdir("/proc/self/fd")

    patience, before, after = in_child(idle)
    assert patience is None
    assert before == after


def test_what_is_not_ready_is_taken_down(rootfs: Path) -> None:
    recipe = recipe_for(Spec(["true"], rootfs=rootfs))

    def fail() -> tuple[list[str], list[str], list[str]]:
        before, janitor = os.listdir("/proc/self/fd"), Janitor()
        wrong = [("chdir", (b"/nowhere",), 0, 0)]
        with pytest.raises(Deviation):
            ahead.ready(recipe | {"between": wrong}, janitor, lambda: ([], {}))
        alive = [seen.name for seen in sightings.below(os.getpid())]
        janitor.dismiss()
        return before, os.listdir("/proc/self/fd"), alive

    before, after, alive = in_child(fail)
    assert before == after
    assert alive == ["cfs-janitor"]
