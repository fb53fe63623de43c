"""held: what has to be taken down again, the last of it first.

As `contextlib.ExitStack`, which takes too long to import.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any, Self, TypeVar

    T = TypeVar("T")


class Held:
    """Contexts that have been entered; leaving this one leaves them all."""

    def __init__(self) -> None:
        self._contexts: list[AbstractContextManager[Any]] = []

    def enter(self, context: "AbstractContextManager[T]") -> "T":
        """Enter a context, and return what it yields."""
        value = context.__enter__()
        self._contexts.append(context)
        return value

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._contexts:
                self._contexts.pop().__exit__(None, None, None)
        finally:
            if self._contexts:
                self.__exit__()
