"""What libseccomp makes of a profile, as runc and crun have it do."""

import errno
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from cfslib.isolation.seccomp import bpf, calls
from cfslib.isolation.seccomp.bpf import Instruction
from cfslib.isolation.seccomp.rules import Condition, Profile, Rule

try:
    import pyseccomp
except (ImportError, RuntimeError) as error:
    pytest.skip(f"needs libseccomp: {error}", allow_module_level=True)

ARCHES = {"x86_64": pyseccomp.Arch.X86_64, "i386": pyseccomp.Arch.X86}
LINEAR, BINARY_TREE = 1, 2  # see seccomp_attr_set(3)


def compiled(profile: Profile, optimize: int = LINEAR) -> list[Instruction]:
    """Return the filter that libseccomp writes."""
    program = pyseccomp.SyscallFilter(int(profile.default))
    program.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, optimize)
    for name in profile.sets[1:]:
        program.add_arch(ARCHES[name])
    for rule in profile.rules:
        if rule.action != profile.default:  # which it would refuse
            for name in rule.names:
                _add(program, rule, name)
    with tempfile.TemporaryFile() as file:
        program.export_bpf(file)
        file.seek(0)
        return bpf.unpack(file.read())


def _add(program: Any, rule: Rule, name: str) -> None:
    try:
        number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
        for conditions in _alternatives(rule):
            program.add_rule(int(rule.action), number, *map(_argument, conditions))
    except OSError as error:
        # The runtimes go on after a name that it does not know, or a second rule.
        if error.errno not in (errno.EEXIST, errno.EINVAL, errno.EDOM, None):
            raise


def _alternatives(rule: Rule) -> Iterator[tuple[Condition, ...]]:
    """Give it a condition at a time where two are on one argument, as runtimes do."""
    if len({it.index for it in rule.conditions}) == len(rule.conditions):
        yield rule.conditions
    else:
        yield from ((condition,) for condition in rule.conditions)


def _argument(it: Condition) -> Any:
    op = getattr(pyseccomp, it.op)
    if it.op == "MASKED_EQ":
        return pyseccomp.Arg(it.index, op, it.mask, it.value)
    return pyseccomp.Arg(it.index, op, it.value)


def knows(name: str) -> bool:
    """Say if it is new enough to know a call."""
    try:
        return (
            int(pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name))
            == (calls.numbers(calls.machine())[name])
        )
    except OSError:
        return False
