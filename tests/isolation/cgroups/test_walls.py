"""In no tree of cgroups does a container see, or change, groups of others.

As root of a user namespace that it makes, a process inside can mount every tree.  What
it finds there begins at its own group.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from cfslib.isolation.cgroups import hierarchies
from cfslib.isolation.cgroups.hierarchies import Home
from cfslib.isolation.limits import Limits
from cfslib.runtime import run
from cfslib.runtime.spec import Spec
from tests import ways
from tests.conftest import needs_namespaces, needs_root

pytestmark = needs_namespaces

VICTIM = f"cfs-test-victim-{os.getpid()}"
LEFT = f"cfs-test-left-{os.getpid()}"
HOMES = hierarchies.homes()
# For each tree: mount it, look for the group of somebody else, write to that, make one.
TRY = """
mkdir /tmp/tree || exit
for options in "$@"; do
    case $options in v2) words="cgroup2" ;; *) words="cgroup -o $options" ;; esac
    mount -t $words none /tmp/tree && echo "$options: mounted"
    for group in /tmp/tree/*/ /tmp/tree/*/*/ /tmp/tree/*/*/*/; do case $group in
        *victim*)
            echo "$options: sees another's group"
            echo 99999744 2>&- >$group/memory.limit_in_bytes && echo "changed its limit"
            echo 1 2>&- >$group/cgroup.freeze && echo "froze it" ;;
    esac; done
    mkdir 2>&- /tmp/tree/$left && echo "$options: made a group"
    umount /tmp/tree
done
"""


def options_of(home: Home) -> str:
    """Return how a tree is mounted."""
    if home.version == 2:
        return "v2"
    name = ",".join(home.controllers)
    return f"none,{name}" if name.startswith("name=") else name


def attack(limits: Limits, way: str) -> tuple[list[str], str]:
    spec = Spec(
        ["unshare", "-UrmC", "sh", "-c", TRY, "sh", *map(options_of, HOMES)],
        limits=limits,
        env={"left": LEFT},
    )
    done = ways.start(way, spec)
    return done.stdout.splitlines(), done.stderr


def places(name: str) -> list[Path]:
    """Return the groups of this name in all trees."""
    return [
        Path(parent, name)
        for home in HOMES
        for parent, names, _ in os.walk(home.top)  # they come and go meanwhile
        if name in names
    ]


@pytest.fixture
def victims() -> Generator[None]:
    """Have somebody else's group, in each tree, beside those of a container."""
    groups = [Path(home.ours, VICTIM) for home in HOMES]
    try:
        for group in groups:
            group.mkdir()
        yield
    finally:
        for group in (*groups, *places(LEFT)):
            if group.exists():
                group.rmdir()


@needs_root
@pytest.mark.parametrize("limits", [Limits(), Limits(pids_max=None)], ids=str)
@pytest.mark.parametrize("way", ["command", "notebook", "ahead"])
@pytest.mark.usefixtures("victims")
def test_root_finds_nothing_but_its_own_group(way: str, limits: Limits) -> None:
    said, errors = attack(limits, way)

    # What it may make is in its own group, and goes away with that.
    expected = {f"{options_of(home)}: mounted" for home in HOMES}
    expected |= {f"{options_of(home)}: made a group" for home in HOMES}
    assert set(said) == expected, errors
    assert not places(LEFT)


@pytest.mark.skipif(os.geteuid() == 0, reason="needs an ordinary user")
def test_an_ordinary_user_can_change_nothing() -> None:
    said, errors = attack(Limits(), "command")

    assert said == [f"{options_of(home)}: mounted" for home in HOMES], errors
    assert not places(LEFT)


@needs_root
@pytest.mark.parametrize("limits", [Limits(), Limits(pids_max=None)], ids=str)
def test_it_seems_to_be_at_the_top_of_every_tree(limits: Limits) -> None:
    done = run.capture(Spec(["cat", "/proc/self/cgroup"], limits=limits))

    trees = done.stdout.splitlines()
    assert len(trees) == len(HOMES)
    assert all(tree.endswith(":/") for tree in trees)
