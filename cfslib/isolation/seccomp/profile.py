"""Profile: rules as they are written in a file.

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
from cfslib.isolation.seccomp import calls, fields, meant
from cfslib.isolation.seccomp.data import Action
from cfslib.isolation.seccomp.rules import (
    COMPARISONS,
    NO_SUCH_CALL,
    Condition,
    Profile,
    Rule,
)
from cfslib.kernel.syscalls import FilterFlag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, TextIO

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
# TSYNC is for the other threads of a process; one that becomes a container has none.
FLAGS = {"TSYNC": 0, "LOG": FilterFlag.LOG, "SPEC_ALLOW": FilterFlag.SPEC_ALLOW}


def load(path: str, capabilities: "Collection[Capability]" = DEFAULT) -> Profile:
    """Read a profile from a file; raise ValueError if it makes no sense.

    As `read` does, warn of what may not have been meant.
    """
    import json  # here, because hardly any container needs it

    with open(path, encoding="utf-8") as file:
        try:
            found = _read(json.loads(_text_of(file)), capabilities)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        except RecursionError:
            raise ValueError(f"{path}: too many brackets in brackets") from None
    return _warned_of(found, f"{path}: ")


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
    """Return the part of a profile that is for a container with these capabilities.

    Raise ValueError if it makes no sense.
    """
    return _warned_of(_read(text, capabilities, machine, kernel))


def _warned_of(profile: Profile, where: str = "") -> Profile:
    import warnings  # here, too

    for remark in profile.remarks():
        warnings.warn(f"{where}{remark}", stacklevel=3)
    return profile


def _read(
    text: "dict[str, Any]",
    capabilities: "Collection[Capability]",
    machine: "str | None" = None,
    kernel: "str | None" = None,
) -> Profile:
    if "defaultAction" not in fields.named(text, "the profile"):
        raise ValueError("a profile has a defaultAction")
    machine = machine or calls.machine()
    here = (
        machine,
        kernel or posix.uname().release,
        {f"CAP_{it}" for it in capabilities},
    )
    rules = [
        (f"rule {at}", fields.named(rule, f"rule {at}"))
        for at, rule in enumerate(fields.each(text, "syscalls", "the profile"))
    ]
    default = _action(text, "defaultAction", "defaultErrno", "the profile")
    is_open = default in (Action.ALLOW, Action.LOG)
    return Profile(
        default,
        [
            _rule(rule, where)
            for where, rule in rules
            if meant.is_meant(rule, where, *here)
        ],
        meant.sets(text, machine),
        unknown=default if is_open else NO_SUCH_CALL,
        known=[name for where, rule in rules for name in _names(rule, where)],
        flags=sum(
            {
                fields.one_of(FLAGS, flag, "flags")
                for flag in fields.words(text, "flags", "it")
            }
        ),
    )


def _rule(rule: "dict[str, Any]", where: str) -> Rule:
    conditions = [
        _condition(fields.named(it, f"args of {where}"), where)
        for it in fields.each(rule, "args", where)
    ]
    return Rule(
        _names(rule, where), _action(rule, "action", "errno", where), conditions
    )


def _names(rule: "dict[str, Any]", where: str) -> "list[str]":
    """Return the calls that a rule is about; once it was one, as `name`."""
    names = fields.words(rule, "names", where)
    if ("name" in rule) == bool(names):
        raise ValueError(f"{where} has either names or one name")
    return names or fields.words({"names": [rule["name"]]}, "names", where)


def _action(part: "dict[str, Any]", field: str, named: str, where: str) -> Action:
    """Return what is to be done; without a number of the error it is EPERM."""
    action: Action = fields.one_of(ACTIONS, part.get(field), f"{field} of {where}")
    number = part.get(f"{named}Ret")
    if number is None:
        word = part.get(named) or "EPERM"
        number = getattr(errno, str(word), MOST)
    if not fields.is_number(number) or not 0 <= number < MOST:
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
    if not fields.is_number(index) or not 0 <= index <= 5:
        raise ValueError(
            f"index of {where} is {index}, but a call has arguments 0 to 5"
        )
    for number in (value, second):
        if not fields.is_number(number) or not 0 <= number < 1 << 64:
            raise ValueError(
                f"value of {where} is {number!r}, but not a number of 64 bits"
            )
    if op == "MASKED_EQ":
        return Condition(index, op, second & value, mask=value)
    return Condition(index, op, value)
