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
    >>> Point(xx=1)
    Traceback (most recent call last):
    TypeError: Point has no part 'xx'; did you mean 'x'?
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class Record:
    """A value that is equal to another one if all their parts are.

    The parts have the names of the arguments that make it.
    """

    def __new__(cls, *_: object, **parts: object) -> "Self":
        """Refuse a part that there is not, and say which one was meant."""
        code = cls.__init__.__code__
        known = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        for name in parts:
            if name not in known:
                raise TypeError(f"{cls.__name__} has no part {_nearest(name, known)}")
        return super().__new__(cls)

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


def _nearest(name: str, known: "tuple[str, ...]") -> str:
    """Write a name that is not known, and what may have been meant."""
    import difflib  # here, because it takes longer than a container takes to start

    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    meant = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
    return f"{name!r}; {meant}"
