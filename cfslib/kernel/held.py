"""held: what has to be taken down again, the last of it first.

As `contextlib.ExitStack`, which takes too long to import.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class Held:
    """Contexts that have been entered; leaving this one leaves them all."""

    def __init__(self) -> None:
        self._contexts: list[Any] = []

    def enter(self, context: "Any") -> "Any":
        """Enter a context, and return what it yields."""
        value = context.__enter__()
        self._contexts.append(context)
        return value

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._contexts:
                self._contexts.pop().__exit__(*error)
        finally:
            if self._contexts:
                self.__exit__(*error)
