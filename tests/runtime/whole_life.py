"""Kill whatever there is at random, over the whole life of containers and images.

    python -m tests.runtime.whole_life KILLS [SEED]

As root, call it with a network and mounts of its own: `unshare -nm`.  It prints what
was left behind, a line each, and how often each command was killed.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from cfslib.images import host_tools
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.observe import sightings
from tests.conftest import ROOT, SLOWNESS, is_alive, wait_until
from tests.images.handmade import Layout, layer, packed

CFS = [sys.executable, "-m", "cfslib.cli.entry"]
TOOLS = ["sh", "sleep", "touch", "true", "cat", "ls"]
AT_ONCE = 4  # commands
ROUND = 40  # kills, and then all is cleared away, and looked at
PATIENCE = 60 * SLOWNESS  # seconds for one command
NETWORKS = ["none", "bridge", *(["red"] if ROOT else [])]
NAMES = ["one", "two", "three"]
# How often, and what; N is a name, and X what was never there before.
COMMANDS = {
    "image load {top}/a": 4,
    "image load {top}/b": 4,
    "image rm -f b:1": 2,
    "image prune": 2,
    "image build -t built:1 --build-arg X={x} {top}/context": 6,
    "run --image a:1 sh -c 'sleep .1; touch /x'": 2,
    "run -d --name {n} --image a:1 sleep 60": 6,
    "run -d --name {n} --rm --image a:1 sh -c 'sleep 60 & sleep .2'": 2,
    "run -d --name {n} --network {network} --image a:1 sleep 60": 6,
    "run --network {network} -p 127.0.0.1:{port}:80 --image a:1 sleep .2": 3,
    "exec {n} sh -c 'sleep .1 & sleep .2'": 6,
    "stop -t 0 {n}": 3,
    "stop -t 1 {n}": 1,
    "restart -t 0 {n}": 2,
    "pause {n}": 2,
    "unpause {n}": 1,
    "cp {top}/context {n}:/": 2,
    "rm -f {n}": 3,
} | ({"network create {net}": 3, "network rm {net}": 2} if ROOT else {})


class Life:
    """All that there is of containers, below one directory."""

    def __init__(self, top: str, seed: str) -> None:
        self._top, self._chance = top, random.Random(seed)
        self._started: dict[subprocess.Popen[bytes], tuple[str, float]] = {}
        self.killed: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._number = 0
        where = {"XDG_DATA_HOME": "data", "XDG_RUNTIME_DIR": "run", "TMPDIR": "tmp"}
        self._environ = os.environ | {key: f"{top}/{to}" for key, to in where.items()}
        for name in where.values():
            os.mkdir(f"{top}/{name}", 0o700)
        _make_images(Path(top))
        self._did("run", "true")  # so that the cache is there
        self._before = self._lasting()

    def _did(self, *words: str) -> str:
        """Run `cfs`, which has to succeed."""
        done = subprocess.run(
            [*CFS, *words], env=self._environ, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=PATIENCE,
        )  # fmt: skip
        if done.returncode:
            said = done.stderr.replace("\n", " ")
            self.wrong.append(f"{self.killed.total()}: cfs {' '.join(words)}: {said}")
        return done.stdout

    def round(self) -> None:
        """Start and kill, then clear away, and see what is left."""
        self._did("image", "load", f"{self._top}/a")
        for _ in range(ROUND):
            while len(self._started) < AT_ONCE:
                self._start()
            time.sleep(self._chance.triangular(0, 0.4, 0.02))
            self._kill()
            self._reap()
        self._end()
        self._clear_away()
        left = self._left()
        if not wait_until(lambda: not left or not self._left(), 20 * SLOWNESS):
            done = self.killed.total()
            self.wrong += [f"{done}: left: {one}" for one in self._left()]
        self._works()

    def _start(self) -> None:
        (command,) = self._chance.choices([*COMMANDS], [*COMMANDS.values()])
        self._number += 1
        text = command.format(
            top=self._top, x=self._number, n=self._chance.choice(NAMES),
            net=self._chance.choice(["red", "blue"]), port=20_000 + self._number,
            network=self._chance.choice(NETWORKS),
        )  # fmt: skip
        argv = ["sh", "-c", f"exec {' '.join(CFS)} {text}"]
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(
            argv, env=self._environ, stdin=nothing, stdout=nothing, stderr=nothing
        )
        self._started[process] = command, time.monotonic()

    def _kill(self) -> None:
        """Kill one of all those that come from us, whoever that is."""
        there = [one for one in sightings.below(os.getpid()) if is_alive(one.pid)]
        if there:
            # By the name first, because most have the same.
            name = self._chance.choice(sorted({one.name for one in there}))
            chosen = self._chance.choice([one for one in there if one.name == name])
            with suppress(ProcessLookupError):
                os.kill(chosen.pid, signal.SIGKILL)
            self.killed[chosen.name] += 1

    def _reap(self) -> None:
        """Forget who has ended, and say who never does."""
        for process, (command, begin) in [*self._started.items()]:
            if process.poll() is not None:
                del self._started[process]
            elif time.monotonic() - begin > PATIENCE:
                self.wrong.append(f"{self.killed.total()}: hangs: cfs {command}")
                process.kill()
        ours = {process.pid for process in self._started}
        for pid in map(int, _text("/proc/thread-self/children").split()):
            if pid not in ours:  # an orphan of those that were killed
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _end(self) -> None:
        """Wait for the end of those that are on their way, or kill them."""
        for process in self._started:
            if self._chance.random() < 0.5:
                process.kill()
        assert wait_until(self._none_is_on_its_way, 2 * PATIENCE), self._started

    def _none_is_on_its_way(self) -> bool:
        self._reap()
        return not self._started

    def _clear_away(self) -> None:
        if ids := self._did("ps", "-aq").split():
            self._did("rm", "-f", *ids)
        for line in self._did("image", "ls").splitlines()[1:]:
            if name := line.split()[0]:
                self._did("image", "rm", "-f", name)
        self._did("image", "prune")
        self._did("network", "prune")

    def _left(self) -> list[str]:
        """Return what there should not be."""
        self._reap()
        found = [
            f"process {one.pid} {one.name}"
            for one in sightings.below(os.getpid())
            if is_alive(one.pid)
        ]
        return [*found, *sorted(self._lasting() - self._before)]

    def _lasting(self) -> set[str]:
        """Return what processes leave: mounts, groups, links, rules and files."""
        found = {f"mount {mount.target}" for mount in procfs.mounts()}
        found |= {f"group {one}" for one in _groups()}
        for name in ("data", "run", "tmp"):
            found |= {str(path) for path in Path(self._top, name).rglob("*")}
        if ROOT:
            found |= set(_printed("ip", "-br", "link", "show"))
            found |= set(_printed("nft", "list", "ruleset"))
            found |= {str(path) for path in Path("/run").rglob("*")}
        empty = f"{self._top}/data/cfs"
        return {one for one in found if not _may_stay(one, empty)}

    def _works(self) -> None:
        self._did("image", "load", f"{self._top}/b")
        network = ["--network", "bridge"] if ROOT else []
        self._did("run", *network, "--image", "b:1", "true")
        self._did("image", "rm", "b:1")


def _may_stay(one: str, store: str) -> bool:
    """Say so of directories that are empty, and of locks."""
    if os.path.isdir(one):
        kept = (store, f"{store}/blobs", f"{store}/blobs/sha256", f"{store}/trees")
        more = (f"{store}/names", f"{store}/steps", f"{store}/builds")
        return one in kept + more or one.startswith("/run") or one.endswith("run/cfs")
    name = one.rpartition("/")[2]
    return name in (".lock", "lock", "index.json", "oci-layout") or ".last" in name


def _groups() -> set[str]:
    """Return the groups of containers, unless their maker is somebody else, alive."""
    found = set()
    for mount in procfs.mounts():
        if mount.fstype in ("cgroup", "cgroup2"):
            for group, _, _ in os.walk(mount.target):
                name = os.path.basename(group)
                maker = next(filter(str.isdecimal, name.split("-")), "0")
                if name.startswith("cfs-") and not is_alive(int(maker)):
                    found.add(group)
    return found


def _printed(*argv: str) -> list[str]:
    return subprocess.run(argv, capture_output=True, text=True).stdout.splitlines()


def _text(path: str) -> str:
    return Path(path).read_text()


def _make_images(top: Path) -> None:
    root = top / "root"
    root.mkdir()
    host_tools.build(root, TOOLS)
    tools = packed(root)
    Layout(top / "a").image("a:1", [tools])
    more = layer({f"d{n}/f{m}": b"x" * 5000 for n in range(20) for m in range(20)})
    Layout(top / "b").image("b:1", [tools, more])
    context = top / "context"
    context.mkdir()
    (context / "file").write_text("here")
    (context / "Dockerfile").write_text(
        "FROM a:1\nARG X\nRUN touch /$X\nCOPY file /file\nRUN sleep .1; touch /last\n"
    )


def main(kills: int, seed: str) -> int:
    """Kill so many, and say what is left; return how much that is."""
    syscalls.prctl(Prctl.SET_CHILD_SUBREAPER, 1)
    if ROOT:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    top = tempfile.mkdtemp(prefix="cfs-whole-life-")
    try:
        life = Life(top, seed)
        while life.killed.total() < kills:
            life.round()
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print(*life.wrong, sep="\n")
    print(dict(life.killed.most_common()), file=sys.stderr)
    return len(life.wrong)


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), *sys.argv[2:] or ["whole life"])))
