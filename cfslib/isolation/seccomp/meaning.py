"""Meaning: what a profile says about one call.

That is not what its text seems to say.  This follows runc and crun, whose library is
libseccomp:

- A rule that does what is done by default says nothing, and another one counts.
- Of rules for one call, one without conditions decides, wherever it stands.
- Two conditions on one argument are alternatives: no rule can say "from 3 to 5".
- If conditions of two rules hold, the rule that begins with a later argument decides;
  of those that begin with the same one, the first.

    >>> from cfslib.isolation.seccomp import profile
    >>> rule = {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0}
    >>> lies = profile.read({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})
    >>> print(answer(lies, SeccompData(calls.numbers(calls.machine())["mkdir"])))
    ERRNO(0)
"""

from cfslib.isolation.seccomp import calls
from cfslib.isolation.seccomp.data import X32_BIT, Action, Arch, SeccompData
from cfslib.isolation.seccomp.rules import NO_SUCH_CALL
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cfslib.isolation.seccomp.rules import Condition, Profile, Rule


class Case(Record):
    """Conditions on the arguments of a call, all of which have to hold; an action."""

    def __init__(self, conditions: "Sequence[Condition]", action: Action) -> None:
        self.conditions = tuple(conditions)
        self.action = action


def answer(profile: "Profile", data: SeccompData) -> Action:
    """Return what is to be done about a call."""
    for name in profile.sets:
        if data.arch == calls.ARCHES[name]:
            for case in Meaning(profile, name).cases(data.nr & 0xFFFF_FFFF):
                if all(it.holds(data.args) for it in case.conditions):
                    return case.action
    return Action.KILL_THREAD  # whose numbers we do not know


class Meaning:
    """What a profile says about one set of calls."""

    def __init__(self, profile: "Profile", set_of_calls: str) -> None:
        numbers = calls.numbers(set_of_calls)
        self._names = calls.names(set_of_calls)
        self._by_name = _cases(profile)
        self._default = [Case((), profile.default)]
        self._unknown = [Case((), profile.unknown)]
        # A call is unknown, too, if it is newer than all that the profile names.
        named = [numbers[name] for name in profile.known if name in numbers]
        self._newest = max(named, default=X32_BIT)
        self._has_x32 = calls.ARCHES[set_of_calls] == Arch.X86_64

    def cases(self, number: int) -> "list[Case]":
        """Return what is to be done about a call: the first case that holds.

        The last one has no conditions.
        """
        if self._has_x32 and number & X32_BIT:
            return [Case((), NO_SUCH_CALL)]
        if number not in self._names or number > self._newest:
            return self._unknown
        return self._by_name.get(self._names[number], []) + self._default

    def edges(self) -> "list[int]":
        """Return the numbers that need not be answered as the one before them is."""
        ends = {0, X32_BIT} if self._has_x32 else {0}
        return sorted(ends.union(self._names, (it + 1 for it in self._names)))


def _cases(profile: "Profile") -> "dict[str, list[Case]]":
    """Return what the rules say, by the name of the call."""
    always: dict[str, list[Case]] = {}
    sometimes: dict[str, list[Case]] = {}
    for rule in profile.rules:
        if rule.action == profile.default:
            continue
        for name in rule.names:
            if rule.conditions:
                sometimes.setdefault(name, []).extend(_alternatives(rule))
            else:
                always.setdefault(name, [Case((), rule.action)])
    return {
        name: sorted(sometimes[name], key=_first_last) for name in sometimes
    } | always


def _alternatives(rule: "Rule") -> "list[Case]":
    """Return a rule as one case, or one for each condition."""
    if rule.has_alternatives():
        return [Case([condition], rule.action) for condition in rule.conditions]
    return [Case(rule.conditions, rule.action)]


def _first_last(case: Case) -> int:
    return -min(condition.index for condition in case.conditions)
