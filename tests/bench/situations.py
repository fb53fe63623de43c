"""situations: in which `cfs run` is typed, beside the peers, and beside today's."""

from contextlib import ExitStack
from dataclasses import replace

from cfslib.runtime import ownership
from tests.bench import commands, today, trials, ways
from tests.bench.box import Box
from tests.bench.kinds import USER, kinds, named
from tests.bench.rounds import Times, fewer, timed

PEERS = ("bwrap", "crun", "runc", "podman")
SUBCOMMANDS = ("ns", "--help", "--version", "doctor")


def situations(box: Box, rounds: int) -> Times:
    """Time all commands in all situations, in the same rounds.

    The floor and Python's own start are there once, because they know no situation.
    """
    every = [ways.floor(box), commands.python()]
    with ExitStack() as stack:
        env = stack.enter_context(today.environment())
        for situation, kind in kinds(box).items():
            here = [commands.cfs_run(kind)]
            if cfs := today.cfs(box.things):
                here.append(commands.cfs_run(kind, cfs, today.NAME, env))
            # Who has one user id has none to give.
            if situation == USER and not ownership.may_do_it_alone():
                here = [replace(way, may_fail=True) for way in here]
            peers = stack.enter_context(trials.peers(kind))
            here += [way for way in peers if way.name in PEERS]
            every += [replace(way, name=named(way.name, situation)) for way in here]
        return timed(every, fewer(rounds))


def subcommands(box: Box, rounds: int) -> Times:
    """Time what `cfs` does beside `run`, and the same of today's."""
    with today.environment() as env:
        every = []
        for word in SUBCOMMANDS:
            every.append(commands.command(f"cfs {word}", [*commands.installed(), word]))
            if cfs := today.cfs(box.things):
                name = named(today.NAME, f"cfs {word}")
                every.append(commands.command(name, [*cfs, word], env))
        return timed(every, fewer(rounds))
