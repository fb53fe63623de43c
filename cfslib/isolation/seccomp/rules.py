"""Rules: what a profile is made of, whatever it was read from.

>>> rule = Rule(["mkdir"], Action.ERRNO | errno.EPERM)
>>> profile = Profile(Action.ALLOW, [rule], calls.SETS[calls.machine()])
>>> print(profile.default, *(rule.action for rule in profile.rules))
ALLOW ERRNO(EPERM)
"""

import errno

from cfslib.isolation.seccomp import calls
from cfslib.isolation.seccomp.data import Action
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# What a kernel says that is too old for a call.  Programs then make do with older ones,
# as they do not after EPERM.
NO_SUCH_CALL = Action.ERRNO | errno.ENOSYS
COMPARISONS = ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")


class Condition(Record):
    """What an argument of a call has to be."""

    def __init__(self, index: int, op: str, value: int, mask: int = 0) -> None:
        self.index = index  # of the argument, 0 being the first
        self.op = op  # one of COMPARISONS
        self.value = value
        self.mask = mask  # the bits that MASKED_EQ looks at

    def holds(self, arguments: "Sequence[int]") -> bool:
        """Say if it is so for these arguments."""
        argument, value = arguments[self.index], self.value
        return {
            "NE": argument != value,
            "LT": argument < value,
            "LE": argument <= value,
            "EQ": argument == value,
            "GE": argument >= value,
            "GT": argument > value,
            "MASKED_EQ": argument & self.mask == value,
        }[self.op]


class Rule(Record):
    """What is to be done about some calls, maybe only if conditions hold."""

    def __init__(
        self,
        names: "Sequence[str]",
        action: Action,
        conditions: "Sequence[Condition]" = (),
    ) -> None:
        self.names = tuple(names)
        self.action = action
        self.conditions = tuple(conditions)

    def has_alternatives(self) -> bool:
        """Say if one condition that holds is enough: if two are on one argument."""
        indices = [condition.index for condition in self.conditions]
        return len(indices) > len(set(indices))


class Profile(Record):
    """What is to be done about every call."""

    def __init__(
        self,
        default: Action,  # about the calls that no rule is for
        rules: "Sequence[Rule]",
        sets: "Sequence[str]",  # of calls: x86_64, i386; others are not made
        *,
        unknown: "Action | None" = None,  # about calls of newer kernels; or the default
        known: "Collection[str]" = (),  # all calls that it names, also for other cases
        flags: int = 0,
    ) -> None:
        self.default = default
        self.rules = tuple(rules)
        self.sets = tuple(sets)
        self.unknown = default if unknown is None else unknown
        self.known = frozenset(known)
        self.flags = flags

    def unknown_names(self) -> "list[str]":
        """Return the names that are no calls, on any machine: they may be misspelt."""
        return sorted(self.known - calls.every_name())

    def remarks(self) -> "list[str]":
        """Return what whoever wrote it may not have meant."""
        told = []
        if names := self.unknown_names():
            told.append(f"no such calls: {' '.join(names)}")
        counting = [rule for rule in self.rules if rule.action != self.default]
        either = [rule.names for rule in counting if rule.has_alternatives()]
        if either:
            names = sorted({name for names in either for name in names})
            told.append(
                f"of two conditions on one argument, one is enough: {' '.join(names)}"
            )
        return told
