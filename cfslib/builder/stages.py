"""stages: the parts of a Dockerfile, each of which begins with FROM.

A stage may begin with what another one has made, or copy from it.  Those that the last
one does not need, nor those that it needs, are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cfslib.images import manifests, substitution
from cfslib.images.dockerfile import Dockerfile, Instruction

SCRATCH, HOST_TOOLS = "scratch", "host-tools"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


@dataclass
class Stage:
    """One stage, as it is written."""

    number: int
    start: Instruction  # FROM
    base: str  # an image, scratch, host-tools, or the name of a stage
    name: str
    steps: list[Instruction] = field(default_factory=list)


def platform() -> dict[str, str]:
    """Return the variables that name this machine; a Dockerfile has to ask for them."""
    here = manifests.machine()
    return {
        f"{kind}{name}": value
        for kind in ("TARGET", "BUILD")
        for name, value in (
            ("PLATFORM", str(here)),
            ("OS", here.os),
            ("ARCH", here.architecture),
            ("VARIANT", here.variant),
        )
    }


def split(
    dockerfile: Dockerfile, given: Mapping[str, str]
) -> tuple[list[Stage], dict[str, str]]:
    """Return the stages, and the values of each ARG that comes before the first."""
    values: dict[str, str] = {}
    found: list[Stage] = []
    for step in dockerfile.instructions:
        if step.name == "FROM":
            known = platform() | values
            found.append(_stage(step, known, dockerfile.escape, found))
        elif found:
            found[-1].steps.append(step)
        else:
            known = platform() | values
            for name, value in arguments(step, known, given, dockerfile.escape).items():
                values[name] = value or ""
    return found, values


def arguments(
    step: Instruction,
    known: Mapping[str, str],
    given: Mapping[str, str],
    escape: str,
) -> dict[str, str | None]:
    """Return what an ARG declares: what was given, or a default, or None."""
    found: dict[str, str | None] = {}
    try:
        for word in substitution.split(step.text, escape):
            name, equals, text = word.partition("=")
            if not name.isidentifier():
                raise ValueError(f"{name!r} is no name of a variable")
            values = {**known, **{n: v for n, v in found.items() if v is not None}}
            value = substitution.expand(text, values, escape) if equals else None
            found[name] = given.get(name, value)
    except ValueError as error:
        raise step.wrong(f"ARG: {error}") from None
    return found


def _stage(
    step: Instruction, known: Mapping[str, str], escape: str, before: Sequence[Stage]
) -> Stage:
    if step.flags:
        why = "FROM --platform: images are built for this machine alone"
        raise step.wrong(why)
    try:
        words = substitution.words(step.rest, known, escape)
    except ValueError as error:
        raise step.wrong(f"FROM: {error}") from None
    name = ""
    if len(words) == 3 and words[1].lower() == "as":
        name = words.pop().lower()
        words.pop()
        if set(name) - _NAME or not name[0].isalpha():
            raise step.wrong(f"{name!r} cannot be the name of a stage")
        if name in (one.name for one in before):
            raise step.wrong(f"there is a stage {name} already")
    if len(words) != 1 or not words[0]:
        raise step.wrong("FROM should be: FROM IMAGE [AS NAME]")
    return Stage(len(before), step, words[0], name)


def found(name: str, stages: Sequence[Stage], *, numbers: bool) -> Stage | None:
    """Return the stage of this name, or number; the last one of several."""
    for stage in reversed(stages):
        if stage.name and stage.name == name.lower():
            return stage
        if numbers and name.isdecimal() and stage.number == int(name):
            return stage
    return None


def needed(stages: Sequence[Stage], target: str) -> list[Stage]:
    """Return the stages to build for a target, which comes last; "" is the last one."""
    last = found(target, stages, numbers=True) if target else stages[-1]
    if last is None:
        raise LookupError(f"there is no stage {target}")
    wanted, waiting = {last.number}, [last]
    while waiting:
        stage = waiting.pop()
        for one in _uses(stage, stages[: stage.number]):
            if one.number not in wanted:
                wanted.add(one.number)
                waiting.append(one)
    return [stage for stage in stages if stage.number in wanted]


def _uses(stage: Stage, before: Sequence[Stage]) -> list[Stage]:
    bases = found(stage.base, before, numbers=False)
    sources = [
        found(step.flags["from"], before, numbers=True)
        for step in stage.steps
        if "from" in step.flags
    ]
    return [one for one in (bases, *sources) if one]
