"""record: values with named parts.

What `dataclasses` makes, as far as it is needed here; that takes longer to import than
a container takes to start.

    >>> class Point(Record):
    ...     def __init__(self, x: int, y: int = 0) -> None:
    ...         self.x, self.y = x, y
    >>> Point(1)
    Point(x=1, y=0)
    >>> Point(1).changed(y=2) == Point(1, 2)
    True
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class Record:
    """A value that is equal to another one if all their parts are.

    The parts have the names of the arguments that make it.
    """

    def changed(self, **parts: "Any") -> "Self":
        """Return a copy with other values for these parts."""
        return type(self)(**(vars(self) | parts))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={part!r}" for name, part in vars(self).items())
        return f"{type(self).__name__}({parts})"
