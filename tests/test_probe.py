"""A program inside cannot find out in which way its container was started."""

import os
import re
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace, link
from cfslib.runtime.spec import NAMESPACES, Spec, Volume
from tests import ways
from tests.conftest import ROOT, needs_namespaces

pytestmark = needs_namespaces

# All that a program can find out about its container: questions with their answers.
# $$ is the command itself; what it starts to look has inherited what is asked there.
PROBE = """
look() { echo "=""= $*"; "$@"; }
streams() { for fd in 0 1 2; do readlink /proc/$1/fd/$fd || echo secret; done; }
other_descriptors() {
    for fd in /proc/$1/fd/*; do
        case ${fd##*/} in 0 | 1 | 2) ;; *) [ -e $fd ] && readlink $fd ;; esac
    done
}
lines() { while read -r line; do echo "$line"; done </proc/$1/$2; }
how_many() {  # processes at a time; the end of the container is theirs
    (for n in $(seq 40); do sleep 60 >&- 2>&- & echo $n; done) 2>&-
}
writable() {
    for place in / /dev /proc/sys /tmp /volume; do [ -w $place ]; echo $?; done
}
n=0  # PID 1 closes its channel a moment after the command has started
while set -- /proc/1/fd/*; [ $# -gt 3 ] && [ $n -lt 9999 ]; do n=$((n + 1)); done
for pid in $$ 1; do
    look streams $pid
    look other_descriptors $pid
done
exec 2>&1
for pid in $$ 1; do
    for file in status stat limits; do look lines $pid $file; done
    for file in cgroup mountinfo uid_map gid_map setgroups oom_score_adj loginuid \\
                sessionid coredump_filter comm cmdline environ timens_offsets \\
                autogroup attr/current; do
        look cat /proc/$pid/$file
    done
    for kind in cgroup ipc mnt net pid time user uts; do
        look readlink /proc/$pid/ns/$kind
    done
    look readlink /proc/$pid/cwd /proc/$pid/root
done
look cat /proc/self/personality
look cat /proc/self/timerslack_ns
look cat /proc/keys
look cat /proc/net/dev
look cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname
look cat /proc/[0-9]*/comm
for place in / /dev /dev/pts /dev/shm /root /tmp /sys /volume; do
    look ls -la $place
done
look writable
look umask
look pwd
look id
look env
look stty -a
look how_many
"""
# What is another in each container, however it was started.
VARYING = (
    (r"(?m)^\d+ \d+ \d+:\d+ ", "ids "),  # mounts, and the numbers of filesystems
    (r"rootfs-\w+|cfs-\d+-\w+", "NAME"),
    (r"[A-Z][a-z]{2} +\d+ \d\d:\d\d", "TIME"),
    (r"(?m)^dr-xr-xr-x +\d+ ", "dr-xr-xr-x LINKS "),  # /proc counts all processes
    (r"(?m)^([-bcdl][-rwxst]{9}) +", r"\1 "),  # as wide as the widest number needs
    (r"(?m)^total \d+$", "total"),
    (r"(?m)^(State|Vm|Rss|Huge|FDSize|.*ctxt_switches|SigQ).*\n", ""),
    (r"(?m)^ *(veth|docker|cni|br-)[\w.-]*:.*\n", ""),  # of an engine at work
    (r"(?m)^ *([\w.-]+):( +\d+)+$", r"\1: COUNTERS"),
    (r"pipe:\[\d+\]", "pipe"),
    (r"/autogroup-\d+", "/autogroup-N"),
    (r"(\w+):\[\d+\]", r"\1 of its own"),  # a namespace
    (r"\0+$", ""),  # as long as the maker's own arguments were
)
# Of /proc/PID/stat, where each number has its place: see proc(5).
STAT = {
    4: "parent", 5: "process group", 6: "session", 7: "terminal", 8: "in front of it",
    18: "priority", 19: "nice", 20: "threads", 38: "signal at its end",
    40: "real-time priority", 41: "scheduler",
}  # fmt: skip

LOOKING_IN = DEFAULT | {Capability.SYS_PTRACE}  # into PID 1, for root of the machine
BOXES = {
    "the default": Spec([]),
    "another name": Spec([], hostname="another"),
    "variables": Spec([], env={"A": "1", "PATH": "/usr/bin:/bin", "LC_ALL": "C"}),
    "another directory": Spec([], workdir="/tmp"),
    "nothing to write to": Spec([], read_only=True),
    "as many processes as it likes": Spec([], limits=Limits(pids_max=None)),
    "no network": Spec([], namespaces=NAMESPACES | Namespace.NET),
    "a right to look in": Spec([], capabilities=LOOKING_IN),
    "more rights": Spec([], capabilities=LOOKING_IN | {Capability.SYS_ADMIN}),
    "a volume": Spec([], volumes=[Volume("/usr/share", "/volume", read_only=True)]),
}
if ROOT:
    all_kinds = Limits(30, 64 << 20, 0.5, 0, "0", cpu_shares=512, oom_score_adj=500)
    BOXES |= {
        "limits of all kinds": Spec([], limits=all_kinds),
        "another user": Spec([], user="1000:1000"),
    }

# What is meant to be another there.
AT_A_TERMINAL = {"streams 1", "streams 2", "ls -la /dev/pts", "stty -a"} | {
    f"lines {pid} stat: {what}" for pid in (1, 2) for what in (STAT[7], STAT[8])
}
# What a child has from its parent, and a container from who starts it.
INHERITED = {
    f"lines {pid} {what}"
    for pid in (1, 2)
    for what in (
        *("stat: nice", "stat: priority"),
        *("status: Cpus_allowed", "status: Cpus_allowed_list"),
        *("limits: Max core file size", "limits: Max file size"),
        "limits: Max open files",
    )
}

# PID 1 ignores what its maker does, but waits for each signal, which comes first.
MATTERS_NOT = {"streams 1", "streams 2", "lines 1 status: SigIgn"}

Probe = dict[str, str]  # what was found, by what was asked


def probe(way: str, box: Spec, prepare: ways.Prepare = ways.as_we_are) -> Probe:
    """Start a container in one of the ways; return what a program inside finds."""
    done = ways.start(way, box.changed(argv=["sh", "-c", PROBE]), prepare=prepare)
    assert "== how_many" in done.stdout, done
    text = done.stdout
    for kind in Namespace:
        text = text.replace(os.readlink(link(kind)), f"{kind} of the host")
    found: Probe = {}
    for section in text.split("== ")[1:]:
        question, _, answer = section.partition("\n")
        found |= answers(question, comparable(answer))
    return found


def comparable(answer: str) -> str:
    for varying, word in VARYING:
        answer = re.sub(varying, word, answer)
    return answer


def answers(question: str, answer: str) -> Probe:
    """Take those answers apart that have a line or a number for each of many things."""
    if question.endswith(" stat"):
        numbers = answer.rpartition(")")[2].split()
        return {f"{question}: {what}": numbers[n - 3] for n, what in STAT.items()}
    if question.endswith(("status", "limits")):
        parts = [re.split(r":|  +", line, maxsplit=1) for line in answer.splitlines()]
        return {f"{question}: {part[0]}": part[-1] for part in parts}
    return {question: answer}


def differences(one: Probe, other: Probe) -> dict[str, tuple[str, str]]:
    """Return what was found to differ, with both answers."""
    return {
        question: (one.get(question, ""), other.get(question, ""))
        for question in {**one, **other}
        if one.get(question) != other.get(question)
    }


@pytest.mark.parametrize("name", BOXES)
def test_it_is_the_same_container_in_every_way(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    found = {way: probe(way, BOXES[name]) for way in ways.WAYS}

    for way in ("program", "notebook", "ahead"):
        assert differences(found["command"], found[way]) == {}
    assert set(differences(found["command"], found["terminal"])) <= AT_A_TERMINAL


def test_the_probe_tells_one_container_from_another() -> None:
    found = [probe("command", box) for box in BOXES.values()]

    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            assert differences(one, other)


@dataclass
class Oddly:
    """Be a caller that has changed what its children inherit, or might."""

    closed: tuple[int, ...]
    directory: str

    def __call__(self) -> None:
        """Be so."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        os.umask(0o077)
        os.nice(5)
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 25))
        resource.setrlimit(resource.RLIMIT_NOFILE, (99, 199))
        for number in (3, 20, 98):
            os.dup2(os.open("/etc/passwd", os.O_RDONLY), number)
        for number in self.closed:
            os.close(number)
        os.mkdir(self.directory)
        os.chdir(self.directory)
        os.rmdir(self.directory)


def test_of_an_odd_caller_a_container_has_what_a_child_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    box, gone = BOXES["a right to look in"], str(tmp_path / "gone")
    odd = {
        way: probe(way, box, Oddly(() if way == "terminal" else (0, 2), gone))
        for way in ways.WAYS
    }

    for way in ways.WAYS:
        changed = differences(probe(way, box), odd[way])
        assert set(changed) - MATTERS_NOT == INHERITED
        assert {question: odd[way][question] for question in INHERITED} == {
            question: odd["command"][question] for question in INHERITED
        }
        assert "/dev/null" in odd[way]["streams 2"] or way == "terminal"
