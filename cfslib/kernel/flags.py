"""Flags: numbers of the kernel's that print as their names.

The headers of the kernel name its numbers in families: CLONE_NEWUTS, CLONE_NEWPID, ...
Here a family is a class, and its members are numbers with a name:

    >>> class Access(Flag):
    ...     EXECUTE = 1
    ...     WRITE = 2
    ...     READ = 4
    >>> print(Access.READ | Access.EXECUTE, 0o5 | Access.WRITE)
    EXECUTE|READ EXECUTE|WRITE|READ

They behave as those of `enum` do, which takes half as long to import as Python takes to
start.
"""

__all__ = ["Flag", "Number", "of_family"]

families: "dict[str, Callable[[int], int]]" = {}  # by their names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import IntEnum as Number
    from enum import IntFlag as Flag
else:

    class _Family(type):
        """Makes members of the numbers in a class."""

        def __init__(cls, name, bases, body):
            super().__init__(name, bases, body)
            cls.__members__ = {
                word: cls(number)
                for word, number in body.items()
                if type(number) is int and not word.startswith("_")
            }
            cls._names = {int(number): word for word, number in cls.__members__.items()}
            for word, number in cls.__members__.items():
                setattr(cls, word, number)
            families[name] = cls

        def __iter__(cls):
            return iter(cls.__members__.values())

        def __len__(cls):
            return len(cls.__members__)

        def __contains__(cls, number):
            return number in cls._names

        def __getitem__(cls, word):
            return cls.__members__[word]

    class Number(int, metaclass=_Family):
        """One number out of a family, such as PR_SET_NAME."""

        __slots__ = ()

        @property
        def name(self):
            """The name in its family; None if it has none there."""
            return self._names.get(int(self))

        @property
        def value(self):
            """The number alone."""
            return int(self)

        def __str__(self):
            return self.name or int.__repr__(self)

        def __repr__(self):
            return f"<{type(self).__name__}.{self}: {int(self)}>"

    class Flag(Number):
        """Numbers out of a family, each of which is one bit."""

        __slots__ = ()

        @property
        def name(self):
            """The names of its bits, of others the number; None without any."""
            words = [word for bit, word in self._names.items() if bit & int(self)]
            if others := int(self) & ~sum(self._names):
                words.append(hex(others))
            return "|".join(words) or None

        def __str__(self):
            return self.name or "none"

        def __iter__(self):
            return (member for member in type(self) if int(self) & int(member))

        def __contains__(self, other):
            return int(self) & other == other

        def __or__(self, other):
            return type(self)(int(self) | other)

        def __and__(self, other):
            return type(self)(int(self) & other)

        def __xor__(self, other):
            return type(self)(int(self) ^ other)

        def __invert__(self):
            return type(self)(sum(type(self)) & ~int(self))

        __ror__, __rand__, __rxor__ = __or__, __and__, __xor__


def of_family(name: str, number: int) -> int:
    """Return a number as a member of the family of this name; alone without one."""
    return families[name](number) if name in families else number
