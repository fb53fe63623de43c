"""A host of its own for a test, with a network that is not the machine's.

It has an interface, eth0, with a cable to another network namespace, which is
"outside".  As an ordinary user, we are root of it in a user namespace.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

from cfslib.images import host_tools
from cfslib.kernel import procfs
from tests.conftest import ROOT, wait_until

TOP = Path(__file__).parents[3]
CFS = (sys.executable, "-m", "cfslib.cli.entry")
OUTSIDE, HOST = "192.0.2.1", "192.0.2.2"
OUTSIDE6, HOST6 = "2001:db8::1", "2001:db8::2"
PYTHON = os.path.realpath(sys.executable)

_SET_UP = f"""
set -e
mount -t tmpfs tmpfs /run
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
unshare -n sleep 600 & outside=$!
while [ $(readlink /proc/$outside/ns/net) = $(readlink /proc/self/ns/net) ]; do
    sleep 0.01
done
ip link add eth0 type veth peer name eth0 netns $outside
nsenter -t $outside -n sh -c '
    ip link set lo up; ip addr add {OUTSIDE}/24 dev eth0
    ip addr add {OUTSIDE6}/64 dev eth0 nodad; ip link set eth0 up'
ip addr add {HOST}/24 dev eth0; ip addr add {HOST6}/64 dev eth0 nodad
ip link set eth0 up
ip route add default via {OUTSIDE}; ip route add default via {OUTSIDE6}
until ip link show eth0 | grep -q "state UP"; do sleep 0.01; done
echo $outside
wait
"""

# A server that says who has asked, and a client that says what it was told.
SERVER = """
import socket, sys
kind, address, port = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, getattr(socket, kind))
s.bind((address, int(port)))
if kind == "SOCK_STREAM":
    s.listen()
print("ready", flush=True)
while True:
    if kind == "SOCK_STREAM":
        client, who = s.accept()
        client.sendall(f"hello {who[0]}".encode())
        client.close()
    else:
        data, who = s.recvfrom(100)
        s.sendto(f"hello {who[0]}".encode(), who)
"""
CLIENT = """
import socket, sys
kind, address, port = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, getattr(socket, kind))
s.settimeout(3)
try:
    s.connect((address, int(port)))
    if kind == "SOCK_DGRAM":
        s.send(b"?")
    print(s.recv(100).decode() or "nothing")
except OSError as error:
    print(type(error).__name__)
"""


class Host:
    """A machine of which a test may change everything."""

    def __init__(self, rootfs: Path, environ: dict[str, str]) -> None:
        self.environ = environ
        self._started: list[subprocess.Popen[str]] = []
        kinds = "-nm" if ROOT else "-Urnm"
        self._rootfs = rootfs
        argv = ["unshare", kinds, "--propagation=private", "sh", "-c", _SET_UP]
        self._init = self._popen(argv)
        assert self._init.stdout
        self.outside = self._init.stdout.readline().strip()
        assert self.outside, self._init.communicate()

    def _popen(self, argv: list[str]) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            argv, stdout=-1, stderr=-2, text=True, env=self.environ, cwd=TOP
        )
        self._started.append(started)
        return started

    def enter(self, pid: object = "") -> list[str]:
        """Return what a command begins with that is run on this host."""
        user = [] if ROOT else ["-U", "--preserve-credentials"]
        return ["nsenter", "-t", str(pid or self._init.pid), *user, "-n", "-m"]

    def run(self, *argv: object, start: tuple[str, ...] = (), at: str = "") -> str:
        """Run a command on this host, or outside of it; return what it prints."""
        command = [*self.enter(at), *start, *map(str, argv)]
        done = subprocess.run(
            command, stdout=-1, stderr=-2, text=True, env=self.environ, timeout=60,
            cwd=TOP,
        )  # fmt: skip
        return done.stdout

    def cfs(self, *words: object, start: tuple[str, ...] = ()) -> str:
        """Run `cfs`; return what it prints."""
        return self.run(*CFS, *words, start=start)

    def start(
        self, *argv: object, start: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        """Start a command, and wait for its first line."""
        started = self._popen([*self.enter(), *start, *map(str, argv)])
        assert started.stdout
        line = started.stdout.readline()
        assert line == "ready\n", line + started.stdout.read()
        return started

    def box(self, *options: object) -> list[object]:
        """Return what starts a program of Python's in a container."""
        python = f"{sys.base_prefix}:{sys.base_prefix}:ro"
        return [
            *CFS, "run", "--rootfs", self._rootfs, "--volume", python, *options,
            PYTHON, "-ISc",
        ]  # fmt: skip

    def serve(self, *options: object, at: str = "0.0.0.0", port: int = 80,
              kind: str = "SOCK_STREAM", start: tuple[str, ...] = ()
              ) -> "subprocess.Popen[str]":  # fmt: skip
        """Start a server in a container."""
        box = self.box("--network", "bridge", *options)
        return self.start(*box, SERVER, kind, at, port, start=start)

    def serve_here(self, at: str, port: int = 80) -> "subprocess.Popen[str]":
        """Start a server on the host."""
        return self.start(PYTHON, "-ISc", SERVER, "SOCK_STREAM", at, port)

    def serve_outside(self, at: str, port: int = 80) -> None:
        """Start a server outside."""
        argv = [PYTHON, "-ISc", SERVER, "SOCK_STREAM", at, str(port)]
        started = self._popen([*self.enter(self.outside), *argv])
        assert started.stdout
        assert started.stdout.readline() == "ready\n"

    def ask(self, address: str, port: int = 80, kind: str = "SOCK_STREAM",
            inside: "list[object] | None" = None, start: tuple[str, ...] = ()
            ) -> str:  # fmt: skip
        """Ask a server, from the host or from a container."""
        argv = inside or [PYTHON, "-ISc"]
        return self.run(*argv, CLIENT, kind, address, port, start=start).strip()

    def state(self) -> str:
        """Return all that a network of containers could change."""
        asked = (
            "ip -o link show | sort", "ip -o addr | sort", "ip route show table all",
            "ip -6 route show table all", "nft list ruleset", "sysctl -a -r ^net. 2>&1",
        )  # fmt: skip
        text = "\n".join(self.run("sh", "-c", one) for one in asked)
        return "\n".join(line for line in text.splitlines() if _stays(line))

    def end(self) -> None:
        """End all that was started, and with it the host."""
        for started in reversed(self._started):
            _end(started)


def _end(started: "subprocess.Popen[str]") -> None:
    """End the children of what was started, so that it can clear up, and then it."""
    if found := children(started.pid):
        for pid in found:
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            started.wait(5)
    started.kill()
    started.wait()
    if started.stdout:
        started.stdout.close()


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    try:
        return list(map(int, procfs.read(f"/proc/{pid}/task/{pid}/children").split()))
    except (FileNotFoundError, ProcessLookupError):
        return []


def _stays(line: str) -> bool:
    """Say if a line does not change by itself: counters, and what neighbours say."""
    return not any(
        word in line for word in ("expires", "nf_conntrack_count", "tentative")
    )


@pytest.fixture(scope="session")
def python_rootfs() -> Generator[Path]:
    """Return a rootfs in which Python finds its libraries; for a user to read, too."""
    root = Path(tempfile.mkdtemp(prefix="cfs-network-", dir="/tmp"))
    root.chmod(0o755)
    try:
        host_tools.build(root, ["sh", "cat", "sleep", "ip", PYTHON])
        yield root
    finally:
        shutil.rmtree(root)


@pytest.fixture
def host(python_rootfs: Path) -> Generator[Host]:
    """Return a host that is gone after the test."""
    environ = {
        name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"
    }
    made = Host(python_rootfs, environ | {"PYTHONPATH": str(TOP)})
    time.sleep(0.05)
    try:
        yield made
    finally:
        made.end()


def soon(host: Host, *argv: object, text: str) -> bool:
    """Wait until a command prints this."""
    return wait_until(lambda: host.run(*argv).strip() == text, 10)
