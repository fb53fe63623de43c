"""Containers that share a network: one has it, the other one joins it."""

import os
import signal
import sys
from collections.abc import Generator
from typing import Any

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.namespaces import Namespace, inode
from cfslib.kernel import procfs, syscalls
from cfslib.runtime import places, run
from cfslib.runtime.spec import Spec
from cfslib.runtime.state import State
from tests.conftest import ROOT, needs_namespaces, needs_root, wait_until
from tests.life import Life, life

pytestmark = needs_namespaces
LINKS = "readlink", "/proc/self/ns/net", "/proc/self/ns/user"
SLEEP = "sleep", 1000
JOIN = "--network", "container:box"
PYTHON = os.path.realpath(sys.executable)
SERVER = """
import socket
server = socket.create_server(("127.0.0.1", 8000))
print("ready", flush=True)
while True:
    client, _ = server.accept()
    client.sendall(b"hello")
    client.close()
"""
CLIENT = """
import socket
print(socket.create_connection(("127.0.0.1", 8000), 5).recv(9).decode())
"""


@pytest.fixture(scope="module")
def lives() -> Generator[Life]:
    with life() as found:
        yield found


@pytest.fixture(scope="module")
def box(lives: Life) -> State:
    """Return a container that is there for all tests that do it no harm."""
    hosts = "--add-host", "db:192.0.2.7", "--dns", "192.0.2.53"
    named = "--name", "box", "--hostname", "anna"
    return lives.start(*named, "--network", "none", *hosts, *SLEEP)


def refused(lives: Life, *words: object) -> str:
    """Return the error of a container that is not started, of which nothing is left."""
    before = [container.id for container in lives.every()]
    done = lives.cfs("run", *words, "echo", "it ran")
    assert (done.returncode, done.stdout) == (125, "")
    assert [container.id for container in lives.every()] == before
    return str(done.stderr)


def test_both_have_one_network_and_a_user_has_one_kind_of_users(
    lives: Life, box: State
) -> None:
    ours = lives.did("run", *JOIN, *LINKS)

    assert ours == lives.did("exec", "box", *LINKS)
    assert str(inode(Namespace.NET)) not in ours
    assert (str(inode(Namespace.USER)) in ours) == ROOT


def test_of_all_else_each_has_its_own(lives: Life, box: State) -> None:
    kinds = [kind for kind in Namespace if kind & ~(Namespace.NET | Namespace.USER)]
    links = [f"/proc/self/ns/{str(kind).lower()}" for kind in kinds]
    # It goes on, or the kernel might give the number of one of its namespaces again.
    script = f"readlink {' '.join(links)}; echo all; sleep 100"
    other = lives.start(*JOIN, "sh", "-c", script)
    assert lives.soon_logs(other, "all")
    ours = lives.logs(other).split()[:-1]
    theirs = lives.did("exec", "box", "readlink", *links).split()
    alike = {own for own, other in zip(ours, theirs, strict=True) if own == other}

    assert {link.partition(":")[0] for link in alike} <= {"time"}


def test_a_server_of_one_is_reached_at_127_0_0_1_by_the_other(lives: Life) -> None:
    volume = f"{sys.base_prefix}:{sys.base_prefix}:ro"
    python = "--volume", volume, PYTHON, "-ISc"
    both = "--network", "none"
    server = lives.start("--name", "server", *both, *python, SERVER)
    assert lives.soon_logs(server, "ready")
    said = lives.did("run", "--network", "container:server", *python, CLIENT)

    assert said == "hello\n"


def test_it_has_the_names_of_the_other_one(lives: Life, box: State) -> None:
    show = "hostname; echo $HOSTNAME; cat /etc/hosts /etc/resolv.conf"
    ours = lives.did("run", *JOIN, "sh", "-c", show)

    assert ours == lives.did("exec", "box", "sh", "-c", show)
    assert ours.splitlines()[:2] == ["anna", "anna"]
    assert "192.0.2.7 db\n" in ours
    assert "nameserver 192.0.2.53\n" in ours


def test_what_was_made_of_the_files_inside_is_not_read(lives: Life) -> None:
    lives.start("--name", "liar", "--network", "none", *SLEEP)
    change = "rm /etc/hosts; mkfifo /etc/hosts 2>&- || ln -s /dev/zero /etc/hosts"
    lives.did("exec", "liar", "sh", "-c", change)
    read = lives.did("run", "--network", "container:liar", "cat", "/etc/hosts")

    assert "127.0.0.1 localhost" in read


def test_exec_finds_the_same_as_the_command(lives: Life, box: State) -> None:
    lives.start("--name", "beside", *JOIN, *SLEEP)
    show = "sh", "-c", f"hostname; echo $HOSTNAME; {' '.join(LINKS)}"

    assert lives.did("exec", "beside", *show) == lives.did("run", *JOIN, *show)


def test_who_joins_one_that_has_joined_is_in_the_same_network(
    lives: Life, box: State
) -> None:
    lives.start("--name", "second", *JOIN, *SLEEP)
    third = lives.did("run", "--network", "container:second", *LINKS)

    assert third == lives.did("exec", "box", *LINKS)


def test_of_one_on_the_hosts_network_that_is_what_is_shared(lives: Life) -> None:
    lives.start("--name", "open", "--hostname", "olga", *SLEEP)
    show = "sh", "-c", "hostname; readlink /proc/self/ns/net"
    said = lives.did("run", "--network", "container:open", *show).split()

    assert said == ["olga", f"net:[{inode(Namespace.NET)}]"]


def test_it_goes_on_when_the_other_one_has_ended(lives: Life) -> None:
    lives.start("--name", "first", "--network", "none", *SLEEP)
    lives.start("--name", "stays", "--network", "container:first", *SLEEP)
    lives.did("rm", "-f", "first")

    assert "lo" in lives.did("exec", "stays", "ip", "-br", "link")


def test_it_ends_with_its_maker(lives: Life, box: State) -> None:
    orphan = lives.start("--name", "orphan", *JOIN, *SLEEP)
    pid1 = orphan.pid1()
    assert pid1
    assert procfs.status(pid1.pid)["PPid"] == str(orphan.maker().pid)
    os.kill(orphan.maker().pid, signal.SIGKILL)

    assert wait_until(lambda: not pid1.is_alive())


def test_after_a_restart_it_is_with_the_one_that_has_the_name(lives: Life) -> None:
    lives.start("--name", "old", "--network", "none", *SLEEP)
    lives.start("--name", "again", "--network", "container:old", *SLEEP)
    before = lives.did("exec", "again", *LINKS)
    lives.did("rm", "-f", "old")
    lives.start("--name", "old", "--network", "none", *SLEEP)
    lives.did("restart", "-t", 0, "again")

    assert lives.did("exec", "again", *LINKS) == lives.did("exec", "old", *LINKS)
    assert lives.did("exec", "again", *LINKS) != before


def test_one_that_is_not_there_is_an_error(lives: Life) -> None:
    assert "no such container: nobody\n" in refused(
        lives, "--network", "container:nobody"
    )


def test_one_that_has_ended_is_an_error(lives: Life) -> None:
    lives.did("run", "--name", "over", "--network", "none", "true")

    assert "over does not run\n" in refused(lives, "--network", "container:over")


def test_no_container_joins_itself(lives: Life) -> None:
    itself = "--name", "itself", "--network", "container:itself"

    assert "itself has not started yet\n" in refused(lives, *itself)


def test_a_pid_that_is_anothers_by_now_is_not_joined(lives: Life) -> None:
    dead = lives.start("--name", "dead", "--network", "none", *SLEEP)
    pid1, maker = dead.pid1(), dead.maker()
    assert pid1
    os.kill(maker.pid, signal.SIGKILL)
    assert wait_until(lambda: not pid1.is_alive())
    path = f"{dead.path}/run"
    with open(path) as file:
        text = file.read()
    ours = os.getpid()  # the pid of one who lives, with the start of one who does not
    text = text.replace(f"({pid1.pid},", f"({ours},")
    with open(path, "w") as file:
        file.write(text.replace(f"({maker.pid},", f"({ours},"))

    assert "dead does not run\n" in refused(lives, "--network", "container:dead")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--hostname", "x"),
        ("--publish", "8080:80"),
        ("--dns", "192.0.2.1"),
        ("--add-host", "x:192.0.2.1"),
    ],
)
def test_what_the_other_one_says_of_the_network_cannot_be_said_anew(
    lives: Life, box: State, option: str, text: str
) -> None:
    said = refused(lives, *JOIN, option, text)

    assert said.startswith(f"cfs: {option}: with --network container:box it is box's\n")


@pytest.mark.parametrize(
    "part", [{"publish": ["1:1"]}, {"dns": ["::1"]}, {"hosts": ["x:::1"]}]
)
def test_so_it_is_in_python(lives: Life, box: State, part: dict[str, Any]) -> None:
    def start() -> None:
        os.environ[places.VARIABLE] = lives.env[places.VARIABLE]
        run.run(Spec(["true"], network="container:box", **part))

    with pytest.raises(ValueError, match="container:box"):
        in_child(start)


@pytest.mark.skipif(ROOT, reason="root has all users there are")
@pytest.mark.parametrize("options", [("--user", "1:1"), ("--group-add", "5")])
def test_a_user_cannot_have_more_users_than_the_other_one(
    lives: Life, box: State, options: tuple[str, ...]
) -> None:
    assert "box has one user alone" in refused(lives, *JOIN, *options)


@pytest.mark.skipif(ROOT, reason="keep-id is for who is not root")
def test_who_is_not_root_inside_joins_who_is_not_root_either(
    lives: Life, box: State
) -> None:
    keep = "--userns", "keep-id"
    assert "box has other users" in refused(lives, *JOIN, *keep)
    lives.start("--name", "kept", *keep, "--network", "none", *SLEEP)
    said = lives.did("run", *keep, "--network", "container:kept", "id", "-u")

    assert said == f"{os.getuid()}\n"


@needs_root
def test_root_in_a_user_namespace_shares_that_of_the_other_one(lives: Life) -> None:
    private = "--userns", "private"
    lives.start("--name", "own", *private, "--network", "none", *SLEEP)
    theirs = lives.did("exec", "own", *LINKS)
    join = "--network", "container:own"

    assert lives.did("run", *private, *join, *LINKS) == theirs
    assert lives.did("run", *join, *LINKS).split()[0] == theirs.split()[0]


@needs_root
def test_a_network_of_the_hosts_users_is_shared_by_other_users(
    lives: Life, box: State
) -> None:
    said = lives.did("run", "--userns", "private", *JOIN, *LINKS).split()
    theirs = lives.did("exec", "box", *LINKS).split()

    assert said[0] == theirs[0]
    assert said[1] != theirs[1]


@needs_root
def test_the_hosts_network_is_not_changed_by_who_names_a_server() -> None:
    def groups_before_and_after() -> tuple[str, str]:
        syscalls.unshare(Namespace.NET)
        file = "/proc/sys/net/ipv4/ping_group_range"
        before = procfs.read(file)
        run.run(Spec(["true"], dns=["192.0.2.1"], hosts=["x:192.0.2.1"]))
        return before, procfs.read(file)

    before, after = in_child(groups_before_and_after)

    assert before == after
