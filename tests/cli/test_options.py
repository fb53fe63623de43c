import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.cli import options
from cfslib.cli.parser import Usage
from cfslib.isolation.capabilities import ALL, DEFAULT, Capability
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace
from cfslib.runtime import ownership
from cfslib.runtime.spec import Spec, Volume

OPTIONS = [
    "--rootfs", "--hostname", "-e", "--env", "-w", "--workdir", "-u", "--user", "-v",
    "--userns", "--group-add",
    "--volume", "--mount", "--pids-limit", "-m", "--memory", "--cpus", "--network",
    "--cap-add", "--cap-drop", "--security-opt", "--read-only", "-i", "-t", "-it",
    "--interactive", "--tty", "--trace", "--",
]  # fmt: skip
VALUES = [
    "ls",
    "A=1",
    "64m",
    "0",
    "-1",
    "max",
    "none",
    "/a:/b",
    "type=tmpfs,dst=/a",
    "SYS_ADMIN",
    "all",
    "no-new-privileges",
    "",
    "=",
    "x" * 65,
]
WORDS = st.sampled_from([*OPTIONS, *VALUES]) | st.text(max_size=8).filter(
    lambda word: not "--help".startswith(word[:3]) and "h" not in word
)


@given(st.lists(WORDS, max_size=6))
def test_any_command_line_is_a_spec_or_a_usage_error(words: list[str]) -> None:
    try:
        spec = options.parse(words)
    except Usage:
        return
    assert isinstance(spec, Spec)
    assert spec.argv
    assert list(spec.argv) == words[len(words) - len(spec.argv) :]


def test_a_command_alone_is_what_the_defaults_are_for() -> None:
    assert options.parse(["ps"]) == Spec(["ps"], volumes=[])


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("--rootfs /x", "rootfs", "/x"),
        ("--hostname box", "hostname", "box"),
        ("-e A=1 --env B=2", "env", {"A": "1", "B": "2"}),
        ("-w /x", "workdir", "/x"),
        ("--workdir=/x", "workdir", "/x"),
        ("-u 7:8", "user", "7:8"),
        ("--group-add a --group-add 5", "groups", ["a", "5"]),
        ("--userns host", "userns", "host"),
        ("--userns keep-id", "user", f"{os.geteuid()}:{os.getegid()}"),
        ("--userns keep-id -u 0", "user", "0"),
        ("-v /a:/b:ro", "volumes", [Volume("/a", "/b", read_only=True)]),
        ("--pids-limit 5", "limits", Limits(5)),
        ("--pids-limit max", "limits", Limits(None)),
        ("-m 1k --cpus 0.5", "limits", Limits(20, 1024, 0.5)),
        ("-m 1k --memory-swap 3k", "limits", Limits(20, 1024, memory_swap_max=2048)),
        ("-m 1k --memory-swap 1k", "limits", Limits(20, 1024, memory_swap_max=0)),
        ("-m 1k --memory-swap -1", "limits", Limits(20, 1024)),
        ("-m 1k --memory-swap 0", "limits", Limits(20, 1024)),
        ("-m 1k --memory-swap 3k --memory-swap 0", "limits", Limits(20, 1024)),
        ("--memory-swap=-1", "limits", Limits(20)),
        ("--memory-swap=0", "limits", Limits(20)),
        ("--cpuset-cpus 0-3,6", "limits", Limits(20, cpuset_cpus="0-3,6")),
        ("--cpu-shares 512", "limits", Limits(20, cpu_shares=512)),
        ("-c 2", "limits", Limits(20, cpu_shares=2)),
        ("--oom-score-adj -7", "limits", Limits(20, oom_score_adj=-7)),
        ("--oom-score-adj=0", "limits", Limits(20, oom_score_adj=0)),
        ("--cap-add net_raw", "capabilities", DEFAULT | {Capability.NET_RAW}),
        ("--cap-drop CAP_Kill", "capabilities", DEFAULT - {Capability.KILL}),
        ("--cap-drop all", "capabilities", set()),
        ("--security-opt no-new-privileges", "no_new_privileges", True),
        ("--security-opt=no-new-privileges=false", "no_new_privileges", False),
        ("--security-opt no-new-privileges:true", "no_new_privileges", True),
        ("--security-opt no-new-privileges", "filter", None),
        ("--security-opt seccomp=unconfined", "filter", b""),
        ("--security-opt seccomp:unconfined", "filter", b""),
        ("--read-only", "read_only", True),
        ("-m1k", "limits", Limits(20, 1024)),
        ("-m=1k", "limits", Limits(20, 1024)),
        ("-im 1k", "limits", Limits(20, 1024)),
        ("-e A=1 -e A=2 --env=B=x=y", "env", {"A": "2", "B": "x=y"}),
        ("-v /a:/b -v/c:/d", "volumes", [Volume("/a", "/b"), Volume("/c", "/d")]),
        (
            "-v /a:/b --mount type=tmpfs,dst=/c",
            "volumes",
            [Volume("/a", "/b"), Volume(None, "/c")],
        ),
        ("--hostname one --hostname two", "hostname", "two"),
        ("--hostname -", "hostname", "-"),
        ("-u -1", "user", "-1"),
        ("-it", "terminal", False),
        ("-it", "interactive", True),
    ],
)
def test_an_option_means_what_it_says(words: str, name: str, value: object) -> None:
    spec = options.parse([*words.split(), "true"])

    assert getattr(spec, name) == value
    assert spec.argv == ["true"]


KILL, BPF = Capability.KILL, Capability.BPF


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("--cap-drop ALL --cap-add BPF", {BPF}),
        ("--cap-add BPF --cap-drop ALL", {BPF}),  # the order does not matter
        ("--cap-drop ALL --cap-drop BPF --cap-add BPF", {BPF}),
        ("--cap-add ALL", ALL),
        ("--cap-add ALL --cap-drop KILL", ALL - {KILL}),
        ("--cap-drop KILL --cap-add all --cap-add KILL", ALL - {KILL}),
        ("--cap-add ALL --cap-drop ALL", ALL),
        ("--cap-add ALL --cap-drop ALL --cap-drop KILL", ALL - {KILL}),
        ("--cap-drop KILL --cap-add KILL", DEFAULT),
        ("--cap-drop BPF --cap-add BPF", DEFAULT | {BPF}),
        ("--cap-drop BPF --cap-drop KILL", DEFAULT - {KILL}),
    ],
)
def test_what_is_added_and_dropped_is_put_together_as_docker_does(
    words: str, left: set[Capability]
) -> None:
    assert options.parse([*words.split(), "true"]).capabilities == left


def test_of_what_is_said_twice_the_last_counts() -> None:
    line = "--security-opt no-new-privileges --security-opt no-new-privileges=0 true"

    assert not options.parse(line.split()).no_new_privileges


def test_without_a_network_there_is_a_namespace_for_it() -> None:
    for network in ("none", "bridge", "blue"):
        spec = options.parse(["--network", network, "true"])
        assert Namespace.NET in ownership.namespaces(spec)
    spec = options.parse(["--network=host", "true"])
    assert Namespace.NET not in ownership.namespaces(spec)


@pytest.mark.parametrize(
    "line",
    ["sh -c 'x' -e A", "ls --rootfs /x", "ls -- -l", "ls -h", "echo --help", "-5 -i"],
)
def test_what_follows_the_command_is_its_own(line: str) -> None:
    assert options.parse(line.split()).argv == line.split()


def test_two_dashes_end_our_options() -> None:
    assert options.parse(["--read-only", "--", "-x", "--"]).argv == ["-x", "--"]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("", "run what"),
        ("--", "run what"),
        ("--read-only", "run what"),
        ("--no-such ls", "--no-such"),
        ("--host x ls", "--host"),  # no abbreviations
        ("--memory", "expected one argument"),
        ("--memory lots ls", "'lots'"),
        ("--memory-swap 1g ls", "it takes --memory"),
        ("-m 2k --memory-swap 1k ls", "the sum of both"),
        ("--network Bridge ls", "Bridge"),
        ("--read-only=yes ls", "--read-only: ignored explicit argument 'yes'"),
        ("--memory --cpus 1 ls", "-m/--memory: expected one argument"),
        ("--memory -- ls", "-m/--memory: expected one argument"),
        ("-iz ls", "-i/--interactive: ignored explicit argument 'z'"),
        ("-z --no-such=1 ls", "unrecognized arguments: -z --no-such=1"),
    ],
)
def test_a_line_that_makes_no_sense_is_a_usage_error(line: str, cause: str) -> None:
    with pytest.raises(Usage, match=cause):
        options.parse(line.split())


@pytest.mark.parametrize(
    ("name", "value", "field", "meaning"),
    [
        ("CFS_ROOTFS", "/x", "rootfs", "/x"),
        ("CFS_HOSTNAME", "box", "hostname", "box"),
        ("CFS_PIDS_LIMIT", "5", "limits", Limits(5)),
        ("CFS_PIDS_LIMIT", "", "limits", Limits(20)),
    ],
)
def test_the_environment_has_defaults(
    name: str, value: str, field: str, meaning: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    assert getattr(options.parse(["ls"]), field) == meaning


def test_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFS_HOSTNAME", "box")

    assert options.parse(["--hostname", "other", "ls"]).hostname == "other"


def test_a_bad_default_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFS_PIDS_LIMIT", "many")

    with pytest.raises(Usage, match="many"):
        options.parse(["ls"])
