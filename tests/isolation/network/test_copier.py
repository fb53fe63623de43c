"""The network of an ordinary user's container, on a host of its own with an outside."""

import os
import re
import shutil
import signal
import sys

import pytest

from cfslib.kernel import procfs
from tests.conftest import is_alive, needs_root, needs_user_namespaces, wait_until
from tests.isolation.network.host import (
    HOST,
    HOST6,
    OUTSIDE,
    OUTSIDE6,
    TOP,
    Host,
    children,
)
from tests.isolation.network.test_bridge import named

AS_USER = sys.executable, str(TOP / "tests/as_user.py")
NETWORK = "--network", "bridge"
PROGRAMS = ["pasta", "slirp4netns"]
pytestmark = [
    needs_root,  # to be a user on a host of our own
    needs_user_namespaces,
    pytest.mark.skipif(not shutil.which("pasta"), reason="needs pasta (passt)"),
]


def test_a_user_reaches_outside_and_no_server_of_the_hosts(host: Host) -> None:
    host.serve_outside("::")
    host.serve_here("::", 8888)
    box = host.box(*NETWORK)
    ask = [(OUTSIDE, 80), (OUTSIDE6, 80), (HOST, 8888), ("127.0.0.1", 8888)]
    ask += [(HOST6, 8888), ("::1", 8888)]
    heard = [host.ask(*one, inside=box, start=AS_USER) for one in ask]

    assert heard == [
        f"hello ::ffff:{HOST}", f"hello {HOST6}", *["ConnectionRefusedError"] * 4
    ]  # fmt: skip


def test_a_users_container_has_published_ports(host: Host) -> None:
    host.serve("-p", "8080:80", "-p", "[::1]:8080:80", start=AS_USER)

    assert host.ask("127.0.0.1", 8080) == f"hello {HOST}"
    assert host.ask("::1", 8080).startswith("hello ")


def test_a_user_asks_a_nameserver_of_the_hosts_loopback(host: Host) -> None:
    host.run("sh", "-c", "echo nameserver 127.0.0.53 > /run/r")
    host.run("mount", "--bind", "/run/r", "/etc/resolv.conf")
    host.serve_here("127.0.0.53", 53)
    box = host.box(*NETWORK)

    assert host.ask("127.0.0.53", 53, inside=box, start=AS_USER) == "hello 127.0.0.1"


def test_a_user_has_a_name_and_may_ping(host: Host) -> None:
    show = "cat /etc/hosts; cat /proc/sys/net/ipv4/ping_group_range"
    box = host.box(*NETWORK)[:-2]
    said = host.run(*box, "sh", "-c", show, start=AS_USER).splitlines()

    assert said[2] == f"{HOST} cfs-container"
    assert said[-1].split() == ["0", "0"]


def test_only_root_makes_networks(host: Host) -> None:
    said = host.cfs("network", "create", "red", start=AS_USER)
    assert "networks are made by root" in said

    said = host.cfs("run", "--network", "red", "true", start=AS_USER)
    assert "takes root" in said


def test_nothing_of_the_host_is_changed_by_a_user(host: Host) -> None:
    before = host.state()
    host.serve("-p", "8080:80", start=AS_USER)

    assert host.state() == before


def below(pid: int) -> list[int]:
    """Return the processes that descend from one."""
    found: list[int] = []
    for child in children(pid):
        found += [child, *below(child)]
    return found


@pytest.mark.parametrize("who", ["python", "cfs", "cfs-network"])
def test_what_copies_ends_whoever_is_killed(host: Host, who: str) -> None:
    server = host.serve("-p", "8080:80", start=AS_USER)
    (maker,) = below(server.pid)[:1]
    processes = below(maker)
    assert any("passt" in comm(pid) or "pasta" in comm(pid) for pid in processes)
    (victim,) = [maker] if who == "python" else named(maker, who)
    names = {pid: comm(pid) for pid in processes}
    theirs = {pid for pid in names if re.fullmatch(r"cfs|python[0-9.]*", names[pid])}
    copying = [pid for pid in processes if pid not in theirs]
    os.kill(victim, signal.SIGKILL)

    gone = copying if who == "cfs-network" else processes
    assert wait_until(lambda: not any(map(is_alive, gone)), 10)


def comm(pid: int) -> str:
    return procfs.read(f"/proc/{pid}/comm").strip()


def test_it_has_no_descriptor_but_its_own(host: Host) -> None:
    server = host.serve("-p", "8080:80", start=AS_USER)
    (pasta,) = [pid for pid in below(server.pid) if "pas" in comm(pid)]
    links = [
        os.readlink(f"/proc/{pasta}/fd/{fd}") for fd in os.listdir(f"/proc/{pasta}/fd")
    ]

    assert not any(link.startswith(("/proc", "/tmp", "/root")) for link in links)


def test_without_the_programs_an_error_says_which_packages(host: Host) -> None:
    hide = ";".join(
        f"mount --bind /dev/null {shutil.which(name)}"
        for name in PROGRAMS
        if shutil.which(name)
    )
    host.run("sh", "-c", hide)
    said = host.cfs("run", *NETWORK, "true", start=AS_USER)

    assert said == (
        "cfs: this network takes `pasta` or `slirp4netns`: not here\n  Hint: on Debian"
        " and Ubuntu `apt install` passt or slirp4netns, on Fedora `dnf install`.\n"
    )


def test_a_program_that_never_gets_ready_holds_nothing_up(host: Host) -> None:
    script = "#!/bin/sh\nexec sleep 77\n"
    host.run("mkdir", "/run/bin")
    host.run("sh", "-c", f"printf '{script}' > /run/bin/pasta; chmod 755 /run/bin/*")
    host.environ["PATH"] = f"/run/bin:{os.environ['PATH']}"
    box = [*host.box(*NETWORK)[:-2], "true"]
    said = host.run("timeout", "-s", "KILL", 45, *box, start=AS_USER)

    assert said.startswith("cfs: the network was not ready in time")
    assert "sleep 77" not in host.run("ps", "-eo", "args")


@pytest.mark.skipif(not shutil.which("slirp4netns"), reason="needs slirp4netns")
def test_slirp4netns_does_where_there_is_no_pasta(host: Host) -> None:
    host.run("mount", "--bind", "/dev/null", shutil.which("pasta"))
    host.serve_outside("0.0.0.0")
    box = host.box(*NETWORK)

    assert host.ask(OUTSIDE, inside=box, start=AS_USER) == f"hello {HOST}"
    host.serve("-p", "8080:80", start=AS_USER)
    assert host.ask("127.0.0.1", 8080) == "hello 10.0.2.100"
