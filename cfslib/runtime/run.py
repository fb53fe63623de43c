"""playback: make a container from a recipe, if there is one, here or next door.

A process with one thread plays the recipe itself; any other has it done by the play
server, for the reasons in `children`.
"""

import os
import socket

from cfslib.children import streams
from cfslib.children.printing import print_until_answered
from cfslib.children.streams import Pipes
from cfslib.kernel import procfs, tracing
from cfslib.runtime import client, recipes, replay
from cfslib.runtime.lifeline import have_all_three
from cfslib.runtime.shelf import Recipe
from cfslib.runtime.spec import Spec


def run(spec: Spec, pipes: Pipes | None = None) -> int | None:
    """Run a container to its end; return its exit code.

    Return None if it has to be made the plain way: there is no recipe, it does not hold
    any more, or somebody traces how a container is made.
    """
    if tracing.is_on() or not (recipe := recipes.find(spec)):
        return None
    play = _here if procfs.thread_count() == 1 else _next_door
    code = play(recipe, list(spec.argv), pipes)
    if code is None:
        recipes.forget(spec)
    return code


def _here(recipe: Recipe, argv: list[str], pipes: Pipes | None) -> int | None:
    have_all_three()
    streams.flush()
    if pipes:
        return replay.run(recipe, argv, os.environb, pipes.inside(), pipes.read)
    return replay.run(recipe, argv, os.environb)


def _next_door(recipe: Recipe, argv: list[str], pipes: Pipes | None) -> int | None:
    if pipes:

        def read(answer: socket.socket) -> bytes:
            pipes.read()
            return answer.recv(100)

        return client.run(recipe, argv, pipes.inside(), read)
    reader, writer = os.pipe()
    with (
        open(os.devnull, "rb") as nothing,
        open(reader, "rb", buffering=0) as output,
        open(writer, "wb") as inside,
    ):

        def copy(answer: socket.socket) -> bytes:
            inside.close()
            return print_until_answered(output, answer)

        descriptors = [nothing.fileno(), inside.fileno(), inside.fileno()]
        return client.run(recipe, argv, descriptors, copy)
