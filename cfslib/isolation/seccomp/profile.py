"""Profile: a list of calls, and what is to be done about each.

In the format of Docker and Podman, which is also that of OCI runtimes.  `read` keeps
what is meant for this machine, this kernel and these capabilities; `meaning` says what
comes of it.

    >>> rule = {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}
    >>> profile = read({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})
    >>> print(profile.default, *(rule.action for rule in profile.rules))
    ALLOW ERRNO(EPERM)

Manual page: containers-seccomp.json(5).
"""

import errno
import posix

from cfslib.isolation.capabilities import DEFAULT
from cfslib.isolation.seccomp import calls
from cfslib.isolation.seccomp.data import Action
from cfslib.kernel.record import Record
from cfslib.kernel.syscalls import FilterFlag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any, TextIO, TypeGuard

    from cfslib.isolation.capabilities import Capability

LONGEST = 1 << 22  # characters of a file; Docker's own profile has 20000
MOST = 4095  # the kernel cuts larger numbers of errors; runtimes refuse this one too
ACTIONS = {
    "SCMP_ACT_KILL": Action.KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": Action.KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": Action.KILL_PROCESS,
    "SCMP_ACT_TRAP": Action.TRAP,
    "SCMP_ACT_ERRNO": Action.ERRNO,
    "SCMP_ACT_TRACE": Action.TRACE,
    "SCMP_ACT_ALLOW": Action.ALLOW,
    "SCMP_ACT_LOG": Action.LOG,
    "SCMP_ACT_NOTIFY": Action.USER_NOTIF,
}
# What a kernel says that is too old for a call.  Programs then make do with older ones,
# as they do not after EPERM.
NO_SUCH_CALL = Action.ERRNO | errno.ENOSYS
COMPARISONS = ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")
# TSYNC is for the other threads of a process; one that becomes a container has none.
FLAGS = {"TSYNC": 0, "LOG": FilterFlag.LOG, "SPEC_ALLOW": FilterFlag.SPEC_ALLOW}
# What the format calls our machines and sets of calls; there are others.
ARCHITECTURES = {
    "SCMP_ARCH_X86_64": "x86_64",
    "SCMP_ARCH_X86": "i386",
    "SCMP_ARCH_AARCH64": "aarch64",
    "SCMP_ARCH_RISCV64": "riscv64",
    "SCMP_ARCH_PPC64LE": "ppc64le",
}
_IN_GO = {"x86_64": "amd64", "aarch64": "arm64"}


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


def load(path: str, capabilities: "Collection[Capability]" = DEFAULT) -> Profile:
    """Read a profile from a file; raise ValueError if it makes no sense."""
    import json  # here, because hardly any container needs it

    with open(path, encoding="utf-8") as file:
        try:
            return read(json.loads(_text_of(file)), capabilities)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        except RecursionError:
            raise ValueError(f"{path}: too many brackets in brackets") from None


def _text_of(file: "TextIO") -> str:
    text = file.read(LONGEST + 1)  # and no more: /dev/zero has no end
    if len(text) > LONGEST:
        raise ValueError("too long for a profile")
    return text


def read(
    text: "dict[str, Any]",
    capabilities: "Collection[Capability]" = DEFAULT,
    machine: "str | None" = None,  # this one
    kernel: "str | None" = None,  # this one; such as 6.1
) -> Profile:
    """Return the part of a profile that is for a container with these capabilities."""
    if "defaultAction" not in _dict(text, "the profile"):
        raise ValueError("a profile has a defaultAction")
    machine = machine or calls.machine()
    here = (
        machine,
        kernel or posix.uname().release,
        {f"CAP_{it}" for it in capabilities},
    )
    rules = [
        (f"rule {at}", _dict(rule, f"rule {at}"))
        for at, rule in enumerate(_list(text, "syscalls", "the profile"))
    ]
    default = _action(text, "defaultAction", "defaultErrno", "the profile")
    is_open = default in (Action.ALLOW, Action.LOG)
    return Profile(
        default,
        [_rule(rule, where) for where, rule in rules if _is_meant(rule, where, *here)],
        _sets(text, machine),
        unknown=default if is_open else NO_SUCH_CALL,
        known=[name for where, rule in rules for name in _names(rule, where)],
        flags=sum(
            {_one_of(FLAGS, flag, "flags") for flag in _words(text, "flags", "it")}
        ),
    )


def _rule(rule: "dict[str, Any]", where: str) -> Rule:
    conditions = [
        _condition(_dict(it, f"args of {where}"), where)
        for it in _list(rule, "args", where)
    ]
    return Rule(
        _names(rule, where), _action(rule, "action", "errno", where), conditions
    )


def _names(rule: "dict[str, Any]", where: str) -> "list[str]":
    """Return the calls that a rule is about; once it was one, as `name`."""
    names = _words(rule, "names", where)
    if ("name" in rule) == bool(names):
        raise ValueError(f"{where} has either names or one name")
    return names or _words({"names": [rule["name"]]}, "names", where)


def _action(part: "dict[str, Any]", field: str, named: str, where: str) -> Action:
    """Return what is to be done; without a number of the error it is EPERM."""
    action: Action = _one_of(ACTIONS, part.get(field), f"{field} of {where}")
    number = part.get(f"{named}Ret")
    if number is None:
        word = part.get(named) or "EPERM"
        number = getattr(errno, str(word), MOST)
    if not _is_number(number) or not 0 <= number < MOST:
        raise ValueError(f"{named}Ret of {where} is {number}, but not 0 to {MOST - 1}")
    return action | number if action in (Action.ERRNO, Action.TRACE) else action


def _condition(part: "dict[str, Any]", where: str) -> Condition:
    op = str(part.get("op")).removeprefix("SCMP_CMP_")
    value, second = part.get("value", 0), part.get("valueTwo", 0)
    index = part.get("index")
    if op not in COMPARISONS:
        raise ValueError(
            f"op of {where} is {part.get('op')!r}; see seccomp_rule_add(3)"
        )
    if not _is_number(index) or not 0 <= index <= 5:
        raise ValueError(
            f"index of {where} is {index}, but a call has arguments 0 to 5"
        )
    for number in (value, second):
        if not _is_number(number) or not 0 <= number < 1 << 64:
            raise ValueError(
                f"value of {where} is {number!r}, but not a number of 64 bits"
            )
    if op == "MASKED_EQ":
        return Condition(index, op, second & value, mask=value)
    return Condition(index, op, value)


def _is_number(it: object) -> "TypeGuard[int]":
    """Say if it is a number, maybe one with a name; True and False are none."""
    return isinstance(it, int) and not isinstance(it, bool)


def _is_meant(
    rule: "dict[str, Any]",
    where: str,
    machine: str,
    kernel: str,
    capabilities: "set[str]",
) -> bool:
    """Say if a rule is for this machine, this kernel and these capabilities."""
    yes, no = (_dict(rule.get(it) or {}, where) for it in ("includes", "excludes"))
    arch = _IN_GO.get(machine, machine)
    return (
        capabilities.issuperset(_words(yes, "caps", where))
        and capabilities.isdisjoint(_words(no, "caps", where))
        and arch in (_words(yes, "arches", where) or [arch])
        and arch not in _words(no, "arches", where)
        and _version(kernel) >= _version(yes.get("minKernel") or "0.0")
        and not ("minKernel" in no and _version(kernel) >= _version(no["minKernel"]))
    )


def _version(release: str) -> "tuple[int, int]":
    """Return the first two numbers of a kernel's release: (6, 1) of 6.1.0-9-amd64."""
    parts = f"{release}.0".replace("-", ".").split(".")
    if not (parts[0].isdigit() and parts[1].isdigit()):
        raise ValueError(f"minKernel is {release!r}, but not such as 4.8")
    return int(parts[0]), int(parts[1])


def _sets(text: "dict[str, Any]", machine: str) -> "list[str]":
    """Return the sets of calls that a profile is for; always the machine's own."""
    wanted = _words(text, "architectures", "the profile")
    groups = _list(text, "archMap", "the profile")
    if wanted and groups:
        raise ValueError("a profile has either architectures or archMap")
    for group in groups:
        group = _dict(group, "archMap")
        if ARCHITECTURES.get(str(group.get("architecture"))) == machine:
            wanted = _words(group, "subArchitectures", "archMap")
    named = {machine, *(ARCHITECTURES.get(name) for name in wanted)}
    return [name for name in calls.SETS.get(machine, ()) if name in named]


def _dict(part: object, where: str) -> "dict[str, Any]":
    if not isinstance(part, dict):
        raise ValueError(f"{where} is {part!r}, but should have named parts")
    return part


def _list(part: "dict[str, Any]", field: str, where: str) -> "list[Any]":
    found = part.get(field)
    if not isinstance(found or [], list):
        raise ValueError(f"{field} of {where} is no list")
    return found or []


def _words(part: "dict[str, Any]", field: str, where: str) -> "list[str]":
    words = _list(part, field, where)
    if not all(isinstance(word, str) for word in words):
        raise ValueError(f"{field} of {where} are no text")
    return words


def _one_of(table: "dict[str, Any]", word: object, where: str) -> "Any":
    plain = str(word).removeprefix("SECCOMP_FILTER_FLAG_")
    if plain not in table:
        raise ValueError(f"{where} is {word!r}, but not one of {', '.join(table)}")
    return table[plain]
