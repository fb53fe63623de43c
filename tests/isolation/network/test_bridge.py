"""Containers on a bridge of ours, on a host of its own with an outside."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cfslib.isolation.capabilities import Capability
from cfslib.isolation.network import ports
from cfslib.kernel import procfs
from tests.conftest import ROOT, needs_namespaces, needs_root, wait_until
from tests.isolation.network.host import (
    CFS,
    HOST,
    HOST6,
    OUTSIDE,
    OUTSIDE6,
    PYTHON,
    SERVER,
    Host,
    children,
    soon,
)

MISSING = [name for name in ("nft", "ip", "nsenter") if not shutil.which(name)]
pytestmark = [
    needs_namespaces,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {' '.join(MISSING)}"),
    pytest.mark.long,
]
NETWORK = "--network", "bridge"


def links(host: Host) -> str:
    return host.run("sh", "-c", "ip -br link | cut -d' ' -f1 | grep cfs")


def test_two_containers_of_a_network_reach_each_other(host: Host) -> None:
    host.serve()

    assert host.ask("10.201.0.2", inside=host.box(*NETWORK)) == "hello 10.201.0.3"


@pytest.mark.parametrize("called", [0, 1])
def test_what_the_host_drops_parts_them_only_where_bridges_are_filtered(
    host: Host, called: int
) -> None:
    setting = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    if not host.run("sh", "-c", f"ls {setting} 2>&-"):
        pytest.skip("this kernel has no br_netfilter")
    host.run("sh", "-c", f"echo {called} > {setting}")
    host.run("nft", "add table ip hosts")
    hook = "{ type filter hook forward priority 0; policy drop; }"
    host.run("nft", f"add chain ip hosts each {hook}")
    host.serve()
    heard = host.ask("10.201.0.2", inside=host.box(*NETWORK))

    assert heard == ("TimeoutError" if called else "hello 10.201.0.3")


def test_a_container_reaches_outside_and_is_seen_as_the_host(host: Host) -> None:
    host.serve_outside("::")
    box = host.box(*NETWORK)

    assert host.ask(OUTSIDE, inside=box) == f"hello ::ffff:{HOST}"
    assert host.ask(OUTSIDE6, inside=box) == f"hello {HOST6}"


@pytest.mark.parametrize("at", ["0.0.0.0", "127.0.0.1", "::"])
def test_a_container_reaches_no_server_of_the_hosts(host: Host, at: str) -> None:
    host.serve_here(at, 8888)
    box = host.box(*NETWORK)
    asked = [HOST, "127.0.0.1", "10.201.0.1"]
    if at == "::":
        asked += [HOST6, "::1"]
    heard = {host.ask(address, 8888, inside=box) for address in asked}

    assert heard <= {"ConnectionRefusedError", "TimeoutError"}


def test_nobody_outside_reaches_what_is_not_published(host: Host) -> None:
    host.serve()
    enter = host.enter(host.outside)
    subprocess.run([*enter, "ip", "route", "add", "10.201.0.0/24", "via", HOST])
    told = subprocess.run(
        [*enter, "sh", "-c", "exec 3<>/dev/tcp/10.201.0.2/80"], capture_output=True
    )

    assert told.returncode


def test_networks_do_not_reach_each_other(host: Host) -> None:
    assert host.cfs("network", "create", "blue") == "blue\n"
    host.serve()

    inside = host.box("--network", "blue")
    assert host.ask("10.201.0.2", inside=inside) == "ConnectionRefusedError"


def test_nothing_of_the_host_is_changed_or_left(host: Host) -> None:
    host.run("nft", "add table inet hosts")
    before = host.state()
    server = host.serve("-p", "8080:80")
    during = host.state()
    server.send_signal(signal.SIGTERM)
    server.wait()

    assert host.state() == before
    missing = set(before.splitlines()) - set(during.splitlines())
    assert not missing, "of what was there, all was there meanwhile"
    assert host.run("ls", "/run/cfs/networks") == "lock\n"


def test_after_the_maker_was_killed_nothing_is_left_either(host: Host) -> None:
    before = host.state()
    server = host.serve("-p", "8080:80")
    assert "cfs0" in links(host)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()

    assert soon_as_before(host, before) == set()


# A maker whose descriptors are closed, and which has not ended yet.
DYING = """
import os, signal, time
from cfslib.kernel import syscalls
from cfslib.isolation.namespaces import Namespace
from cfslib.isolation.network import bridge
from cfslib.isolation.network.keeper import Keeper
lease = bridge.join("bridge")
pid = os.fork()
if pid == 0:
    syscalls.unshare(Namespace.NET)
    time.sleep(600)
time.sleep(0.5)
keeper = Keeper(pid, [], {}, lease)
keeper.wait()
os.kill(pid, signal.SIGKILL)
os.wait()
print("ready", flush=True)
os.close(keeper._order)
time.sleep(1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_maker_that_takes_long_to_die_is_cleared_up_after(host: Host) -> None:
    before = host.state()
    host.start(sys.executable, "-c", DYING).wait()

    assert soon_as_before(host, before) == set()


def test_after_pid_1_was_killed_nothing_is_left_either(host: Host) -> None:
    before = host.state()
    server = host.serve("-p", "8080:80")
    (pid1,) = named(server.pid, "cfs")
    os.kill(pid1, signal.SIGKILL)
    server.wait()

    assert soon_as_before(host, before) == set()


def test_the_next_one_clears_up_if_all_who_could_were_killed(host: Host) -> None:
    server = host.serve()
    (keeper,) = named(server.pid, "cfs-network")
    for pid in (keeper, server.pid):
        os.kill(pid, signal.SIGKILL)
    server.wait()
    assert "cfs0" in links(host)

    assert soon(host, "sh", "-c", "ip -br link | grep -c cfs.*@", text="0")
    assert "bridge" not in host.cfs("network", "ls")
    assert links(host) == ""
    assert host.run("nft", "list", "ruleset") == ""


def test_prune_clears_up_as_well_and_what_is_used_stays(host: Host) -> None:
    for name in ("red", "blue"):
        host.cfs("network", "create", name)
    server, killed = host.serve("--network", "red"), host.serve()
    (keeper,) = named(killed.pid, "cfs-network")
    for pid in (keeper, killed.pid):
        os.kill(pid, signal.SIGKILL)
    killed.wait()
    assert soon(host, "sh", "-c", "ip -br link | grep -c cfs.*@", text="1")

    assert host.cfs("network", "prune") == "blue\n"
    assert "cfs-red" in links(host)
    assert "cfs0" not in links(host)
    server.send_signal(signal.SIGTERM)
    server.wait()
    assert host.cfs("network", "prune") == "red\n"
    assert host.cfs("network", "ls").count("\n") == 1


def soon_as_before(host: Host, before: str) -> set[str]:
    """Wait until the host is as it was; return what is not."""
    wait_until(lambda: host.state() == before, 10)
    return set(host.state().splitlines()) ^ set(before.splitlines())


def named(maker: int, name: str) -> list[int]:
    """Return the children of a maker that have a name."""
    found = children(maker)
    return [pid for pid in found if procfs.read(f"/proc/{pid}/comm") == f"{name}\n"]


def test_a_published_port_is_reached_on_this_machine_alone(host: Host) -> None:
    host.serve("-p", "8080:80")

    assert host.ask("127.0.0.1", 8080).startswith("hello ")
    assert host.ask(HOST, 8080) == "ConnectionRefusedError"


def test_who_comes_by_a_published_port_does_not_come_from_loopback(host: Host) -> None:
    host.serve("-p", "8080:80")

    assert host.ask("127.0.0.1", 8080) == "hello 10.201.0.2"


@pytest.mark.parametrize("at", ["0.0.0.0", "::"])
def test_a_port_of_ipv6_leads_to_a_server_of_either_family(host: Host, at: str) -> None:
    host.serve("-p", "[::1]:8080:80", at=at)

    assert host.ask("::1", 8080).startswith("hello ")
    assert host.ask("127.0.0.1", 8080) == "ConnectionRefusedError"


def test_a_published_port_of_udp_answers(host: Host) -> None:
    host.serve("-p", "5353:53/udp", port=53, kind="SOCK_DGRAM")

    assert host.ask("127.0.0.1", 5353, "SOCK_DGRAM") == "hello 10.201.0.2"


def test_where_ports_are_published_is_said_as_docker_says_it(host: Host) -> None:
    published = "8080:80", "[::1]:5353:53/udp", "0.0.0.0:9000-9001:90-91"
    options = [word for text in published for word in ("-p", text)]
    box = "run", "-d", "--name", "many", *NETWORK, *options, "sleep", 600
    host.cfs(*box)

    assert host.cfs("port", "many").splitlines() == [
        "53/udp -> [::1]:5353",
        "80/tcp -> 127.0.0.1:8080",
        "90/tcp -> 0.0.0.0:9000",
        "91/tcp -> 0.0.0.0:9001",
    ]
    assert host.cfs("port", "many", 80) == "127.0.0.1:8080\n"
    assert host.cfs("port", "many", "53/udp") == "[::1]:5353\n"
    assert (
        host.cfs("port", "many", "53") == "cfs: no port 53/tcp of many is published\n"
    )
    host.cfs("kill", "many")
    assert host.cfs("port", "many") == ""
    host.cfs("rm", "many")


@pytest.mark.parametrize(
    "text", ["80-81:80", "81-80:81-80", "1-2-3:1-3", "-2:1-2", "1-:1"]
)
def test_ports_that_do_not_fit_each_other_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not .*PORT:PORT"):
        ports.read(text)


def test_each_of_many_ports_leads_to_its_like(host: Host) -> None:
    host.serve("-p", "8000-8002:79-81")

    assert host.ask("127.0.0.1", 8001).startswith("hello ")
    assert host.ask("127.0.0.1", 8000) != host.ask("127.0.0.1", 8001)


def test_what_is_published_of_one_leads_to_who_shares_its_network(host: Host) -> None:
    told = "--name", "first", "-p", "8080:80", *NETWORK
    host.run(*host.box("-d", *told), "import time; time.sleep(600)")
    serve_in(host, "first", ())

    assert host.ask("127.0.0.1", 8080).startswith("hello ")
    host.cfs("rm", "-f", "first")


def serve_in(host: Host, name: str, start: tuple[str, ...]) -> None:
    """Start a server in a container that shares the network of another one."""
    box = host.box("--network", f"container:{name}")
    host.start(*box, SERVER, "SOCK_STREAM", "0.0.0.0", 80, start=start)


def test_where_nobody_listens_inside_a_connection_is_reset(host: Host) -> None:
    host.serve("-p", "8080:81")

    assert host.ask("127.0.0.1", 8080) == "ConnectionResetError"


def test_a_port_that_is_taken_is_an_error_before_anything_starts(host: Host) -> None:
    host.serve_here("127.0.0.1", 8080)
    before = host.state()
    said = host.cfs("run", *NETWORK, "-p", "8080:80", "touch", "/no")

    assert said.startswith("cfs: no port 127.0.0.1:8080/tcp: it is taken\n  Hint: ")
    assert host.state() == before


ANSWERS = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(3)
s.sendto(b"?", (sys.argv[1], 1053)); print(s.recvfrom(100)[1][0])
"""


@pytest.mark.parametrize(
    ("at", "asked"),
    [
        ("0.0.0.0", HOST),
        ("0.0.0.0", "192.0.2.77"),
        ("0.0.0.0", "127.0.0.9"),
        ("[::]", HOST6),
        ("[::]", "2001:db8::77"),
    ],
)
def test_an_answer_of_udp_comes_from_the_address_that_was_asked(
    host: Host, at: str, asked: str
) -> None:
    host.run("ip", "addr", "add", "192.0.2.77/24", "dev", "eth0")
    host.run("ip", "addr", "add", "2001:db8::77/64", "dev", "eth0", "nodad")
    inside = at.strip("[]")  # of the same family
    published = "-p", f"{at}:1053:53/udp"
    host.serve(*published, at=inside, port=53, kind="SOCK_DGRAM")
    from_where = "" if asked.startswith("127.") else host.outside
    said = host.run(PYTHON, "-ISc", ANSWERS, asked, at=from_where)

    assert said == f"{asked}\n"


def keeper_of(pid: int) -> int:
    (keeper,) = named(pid, "cfs-network")
    return keeper


def test_who_copies_keeps_only_the_rights_to_clear_up(host: Host) -> None:
    server = host.serve("-p", "8080:80")
    status = procfs.status(keeper_of(server.pid))
    wanted = sum(1 << right for right in (Capability.SYS_ADMIN, Capability.NET_ADMIN))

    assert host.ask("127.0.0.1", 8080).startswith("hello ")
    for name in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status[name], 16) == wanted
    assert int(status["CapInh"], 16) == 0


def test_who_asks_nameservers_has_no_rights(host: Host) -> None:
    nameserver(host, "127.0.0.53")
    server = host.serve()
    keeper = keeper_of(server.pid)
    assert wait_until(lambda: len(children(keeper)) == 1)
    status = procfs.status(children(keeper)[0])

    assert {status[f"Cap{it}"] for it in ("Eff", "Prm", "Bnd", "Inh")} == {"0" * 16}


def nameserver(host: Host, address: str) -> None:
    """Have the host ask this one."""
    host.run("sh", "-c", f"echo nameserver {address} > /run/r")
    host.run("mount", "--bind", "/run/r", "/etc/resolv.conf")


@pytest.mark.parametrize("zone", ["eth0", "number"])
def test_a_nameserver_of_one_link_is_asked_all_the_same(host: Host, zone: str) -> None:
    link = "fe80::53"
    add = "ip", "addr", "add", f"{link}/64", "dev", "eth0", "nodad"
    host.run(*add, at=host.outside)
    host.run("ip", "addr", "add", "fe80::2/64", "dev", "eth0", "nodad")
    host.serve_outside("::", 53)
    if zone == "number":
        zone = host.run("ip", "-o", "link", "show", "eth0").partition(":")[0]
    nameserver(host, f"{link}%{zone}")
    box = host.box(*NETWORK)

    assert host.run(*box[:-2], "cat", "/etc/resolv.conf") == "nameserver 127.0.0.53\n"
    assert host.ask("127.0.0.53", 53, inside=box).startswith("hello fe80::")


@needs_root
def test_records_of_a_host_that_is_gone_are_cleared(host: Host) -> None:
    create = " ".join((*CFS, "network", "create", "red"))
    stay = f"{create} >/dev/null; echo ready; exec sleep 600"
    host.start("unshare", "-n", "sh", "-c", stay)
    (there,) = records(host)
    host.run("unshare", "-n", "sh", "-c", create)

    def is_cleared() -> bool:
        host.cfs("network", "ls")
        return records(host) == {there}

    assert wait_until(is_cleared, 10)  # its number may be another's for a while


def records(host: Host) -> set[str]:
    """Return the names of the directories with records."""
    return set(host.run("ls", "/run/cfs/networks").split()) - {"lock"}


def test_a_port_is_free_again_after_its_container(host: Host) -> None:
    for _ in range(2):
        said = host.cfs("run", *NETWORK, "-p", "8080:80", "-p", "1053:53/udp", "true")
        assert said == ""


def test_a_copy_is_whole_in_both_directions(host: Host) -> None:
    echo = """
import socket
s = socket.create_server(("0.0.0.0", 80)); print("ready", flush=True)
c, _ = s.accept(); got = bytearray()
while data := c.recv(1 << 16): got += data
c.sendall(bytes(reversed(got))); c.close()
s.accept()  # because what is on its way is lost with a namespace that ends
"""
    client = """
import hashlib, socket, os
c = socket.create_connection(("127.0.0.1", 8080)); data = os.urandom(1 << 23)
c.sendall(data); c.shutdown(1); got = bytearray()
while more := c.recv(1 << 16): got += more
print(bytes(reversed(got)) == data)
"""
    host.start(*host.box(*NETWORK, "-p", "8080:80"), echo)

    assert host.run("python3", "-Ic", client) == "True\n"


def test_names_and_routes_are_those_of_the_network(host: Host) -> None:
    options = "--hostname", "box", "--add-host", "db:192.0.2.9", "--dns", "192.0.2.53"
    show = "cat /etc/hosts /etc/resolv.conf; ip route; cat /proc/sys/net/ipv4/ping*"
    lines = host.cfs("run", *NETWORK, *options, "sh", "-c", show).splitlines()

    assert lines[:3] == [
        "127.0.0.1 localhost",
        "::1 localhost ip6-localhost",
        "10.201.0.2 box",
    ]
    assert lines[3].startswith("fd")
    assert lines[3].endswith(":2 box")
    assert lines[4:6] == ["192.0.2.9 db", "nameserver 192.0.2.53"]
    assert "default via 10.201.0.1 dev eth0" in lines[6]
    assert lines[-1].split() == (["0", "2147483647"] if ROOT else ["0", "0"])


def test_a_nameserver_of_the_hosts_loopback_is_asked_all_the_same(
    host: Host, tmp_path: Path
) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver 127.0.0.53\nnameserver {HOST}\nsearch a.test\n")
    host.run("mount", "--bind", conf, "/etc/resolv.conf")
    host.serve_here("127.0.0.53", 53)
    host.serve_here(HOST, 53)
    box = host.box(*NETWORK)

    assert host.cfs("run", *NETWORK, "cat", "/etc/resolv.conf").splitlines() == [
        "nameserver 127.0.0.53", "nameserver 127.0.0.54", "search a.test"
    ]  # fmt: skip
    assert host.ask("127.0.0.53", 53, inside=box) == "hello 127.0.0.1"
    assert host.ask("127.0.0.54", 53, inside=box) == f"hello {HOST}"


def test_what_means_the_host_to_the_host_is_asked_there(
    host: Host, tmp_path: Path
) -> None:
    """Lines that are no addresses do not take the place of one that is."""
    conf = tmp_path / "resolv.conf"
    odd = "nameserver 127.1.1.1.1\nnameserver fe80::x\n;\nnameserver\nx y\n"
    conf.write_text(odd + "nameserver 0.0.0.0\nnameserver 10.7.7.7\nnameserver ::\n")
    host.run("mount", "--bind", conf, "/etc/resolv.conf")
    host.run("ip", "addr", "add", "10.7.7.7/32", "dev", "lo")
    host.serve_here("0.0.0.0", 53)
    box = host.box(*NETWORK)

    assert host.cfs("run", *NETWORK, "cat", "/etc/resolv.conf").splitlines() == [
        f"nameserver 127.0.0.{number}" for number in (53, 54, 55)
    ]
    for number in (53, 54):
        heard = host.ask(f"127.0.0.{number}", 53, inside=box)
        assert heard.startswith("hello ")


def test_none_has_an_empty_resolver_and_its_own_name(host: Host) -> None:
    show = "cat /etc/resolv.conf; cat /etc/hosts"
    said = host.cfs("run", "--network", "none", "sh", "-c", show)

    assert said.splitlines()[-1] == "127.0.1.1 cfs-container"
    assert "nameserver" not in said


def test_addresses_are_none_to_which_the_host_has_a_route(host: Host) -> None:
    host.run("ip", "route", "add", "10.201.0.0/16", "via", OUTSIDE, "table", 77)

    said = host.cfs("run", *NETWORK, "ip", "-br", "addr")
    assert "10.202.0.2/24" in said


def test_each_container_gets_another_address_than_the_last(host: Host) -> None:
    host.serve()
    show = "ip -4 -br addr show eth0"
    said = [host.cfs("run", *NETWORK, "sh", "-c", show) for _ in range(2)]

    assert "10.201.0.3/24" in said[0]
    assert "10.201.0.4/24" in said[1]


def test_many_at_once_have_addresses_of_their_own(host: Host) -> None:
    one = f"{' '.join(map(str, host.box(*NETWORK)[:-2]))} sh -c"
    one += " 'ip -4 -br addr show eth0; sleep 1' & "
    # `ip` writes a line in parts, so those of several come between each other.
    words = host.run("sh", "-c", f"{one * 8} wait").split()
    addresses = [word for word in words if word.endswith("/24")]

    assert len(set(addresses)) == len(addresses) == 8
    assert links(host) == ""


def test_a_smaller_way_out_makes_smaller_packets(host: Host) -> None:
    host.run("ip", "link", "set", "eth0", "mtu", 1400)

    said = host.cfs("run", *NETWORK, "cat", "/sys/class/net/eth0/mtu")
    assert said == "1400\n"


def test_a_way_out_too_small_for_ipv6_is_no_obstacle(host: Host) -> None:
    host.run("ip", "link", "set", "eth0", "mtu", 1200)
    host.serve_outside("0.0.0.0")

    said = host.cfs("run", *NETWORK, "cat", "/sys/class/net/eth0/mtu")
    assert said == "1280\n"
    assert host.ask(OUTSIDE, inside=host.box(*NETWORK)) == f"hello {HOST}"


def test_the_smallest_of_all_ways_out_counts(host: Host) -> None:
    host.run("ip", "link", "add", "vpn", "mtu", 1400, "type", "veth")
    host.run("ip", "link", "set", "vpn", "up")
    host.run("ip", "route", "add", "default", "dev", "vpn", "metric", 9)

    said = host.cfs("run", *NETWORK, "cat", "/sys/class/net/eth0/mtu")
    assert said == "1400\n"


def test_rules_go_also_where_the_bridge_was_removed_by_hand(host: Host) -> None:
    before = host.state()
    server = host.serve()
    host.run("ip", "link", "del", "cfs0")
    server.send_signal(signal.SIGTERM)
    server.wait()

    assert host.state() == before


LIAR = """
import socket, struct, sys
there = socket.inet_aton(sys.argv[1])
udp = struct.pack("!4H", 80, 80, 8, 0)
ip = struct.pack("!2B3H2BH4s4s", 69, 0, 28, 1, 0, 64, 17, 0, bytes([9] * 4), there)
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(ip + udp, (sys.argv[1], 0))
print("sent")
"""


def test_who_claims_another_address_is_not_heard(host: Host) -> None:
    host.serve()
    host.run("nft", "add table inet watch")
    for hook in ("input", "forward"):
        chain = f"{{ type filter hook {hook} priority 0; }}"
        host.run("nft", f"add chain inet watch {hook} {chain}")
        host.run("nft", f"add rule inet watch {hook} ip saddr 9.9.9.9 counter")
    for to in (OUTSIDE, "10.201.0.1"):
        box = host.box(*NETWORK, "--cap-add", "NET_RAW")
        assert host.run(*box, LIAR, to) == "sent\n"

    counted = host.run("nft", "list table inet watch")
    assert counted.count("packets 0 ") == 2


def test_no_container_can_be_the_hosts_router(host: Host) -> None:
    host.serve()
    setting = "/proc/sys/net/ipv6/conf/cfs0/accept_ra"

    assert host.run("cat", setting) == "0\n"


def test_where_nothing_is_forwarded_one_line_says_so(host: Host) -> None:
    host.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")
    said = host.cfs("run", *NETWORK, "true")

    assert "net.ipv4.ip_forward is 0" in said
    assert host.run("cat", "/proc/sys/net/ipv4/ip_forward") == "0\n"


def test_an_interface_of_somebody_elses_is_left_alone(host: Host) -> None:
    host.run("ip", "link", "add", "cfs0", "type", "bridge")
    said = host.cfs("run", *NETWORK, "true")

    assert "there is an interface cfs0, and it is not ours" in said
    assert "cfs0" in links(host)


def test_a_network_is_made_used_and_removed(host: Host) -> None:
    host.cfs("network", "create", "--subnet", "10.9.0.0/29", "red")
    server = host.serve("--network", "red")

    assert host.cfs("network", "ls").splitlines()[1].split() == [
        "red", "10.9.0.0/29", "1"
    ]  # fmt: skip
    (told,) = json.loads(host.cfs("network", "inspect", "red"))
    assert told["Interface"] == "cfs-red"
    assert told["Containers"] == ["10.9.0.2"]
    assert "has containers" in host.cfs("network", "rm", "red")
    server.send_signal(signal.SIGTERM)
    server.wait()
    assert links(host) == ""
    assert host.cfs("network", "rm", "red") == "red\n"
    assert "no network red" in host.cfs("run", "--network", "red", "true")


@pytest.mark.parametrize("net", ["192.0.2.0/25", "10.0.0.0/31", "10.0.0.1/24", "x"])
def test_addresses_that_cannot_be_are_refused(host: Host, net: str) -> None:
    said = host.cfs("network", "create", "--subnet", net, "red")

    assert said.startswith("cfs")
    assert "red" not in host.cfs("network", "ls")


def test_a_link_at_etc_is_replaced_and_not_followed(host: Host, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("as before")
    host.run("rm", "-f", host._rootfs / "etc/resolv.conf")
    os.symlink("/data/victim", host._rootfs / "etc/resolv.conf")
    try:
        argv = [
            *host.box(*NETWORK, "-v", f"{tmp_path}:/data")[:-2],
            "cat",
            "/etc/hosts",
        ]
        said = host.run(*argv)
    finally:
        os.unlink(host._rootfs / "etc/resolv.conf")

    assert "cfs-container" in said
    assert victim.read_text() == "as before"
