"""Containers of a program with threads, such as a Jupyter kernel: by the server."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cfslib.children.pipes import Finished
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec

T = TypeVar("T")


def in_a_thread(func: Callable[[], T]) -> T:
    """Call `func` where this process has two threads."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(func).result()


def captured(spec: Spec) -> Finished:
    """Run a container where the server has to make it."""
    return in_a_thread(lambda: capture(spec))


def by_a_thread(*argv: str) -> Finished:
    """Run one that is as usual."""
    return captured(Spec(argv))


def at_once(specs: Sequence[Spec]) -> list[Finished]:
    """Run containers side by side."""
    with ThreadPoolExecutor(len(specs)) as pool:
        return list(pool.map(capture, specs))
