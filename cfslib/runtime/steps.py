"""steps: take the steps that make a container, but for those that are left out.

A step is one call of a function, and is known by the function's name.  What a wall is
good for shows when it is missing: a container can be made without one of its steps, as
the lessons and the tests do.  A trace says of each call in which step it was made.
"""

from cfslib.kernel import tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")


class Steps:
    """Takes one step after the other."""

    def __init__(self, left_out: "Collection[str]") -> None:
        self._left_out = left_out

    def __call__(
        self, step: "Callable[P, T]", *arguments: "P.args", **named: "P.kwargs"
    ) -> "T":
        """Take a step, and return what it returns."""
        name = step.__name__
        if name in self._left_out:
            return None  # type: ignore[return-value]  # who goes on may fail by it
        tracing.step = name
        try:
            result = step(*arguments, **named)
        finally:
            tracing.step = ""  # or the next container's calls would seem to be of it
        for watch in tracing.after_step:
            watch(name)
        return result
