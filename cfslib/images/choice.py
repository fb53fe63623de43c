"""choice: which images of an archive are meant, and what they are to be called."""

from cfslib.images import manifests, reference
from cfslib.images.descriptor import Descriptor
from cfslib.images.layout import Source


class Unclear(ValueError):
    """It is not clear which image is meant, or what it is to be called."""


def chosen(source: Source, name: str | None, stem: str) -> list[tuple[Descriptor, str]]:
    """Return which images to load, each with its name.

    Of several with one name, as for several kinds of machines, it is the one for ours.
    """
    groups: dict[str, list[Descriptor]] = {}
    for one in source.manifests():
        groups.setdefault(_called(one.name or "", stem), []).append(one.descriptor)
    if name is None and "" in groups:
        raise _unclear("an image in it has no name", "give it one: FILE NAME")
    if name is not None:
        groups = {name: _the_one(groups, name)}
    return [
        (group[0] if len(group) == 1 else manifests.for_machine(group), called)
        for called, group in groups.items()
    ]


def _called(name: str, stem: str) -> str:
    """Return what an image is to be called; a tag alone is one of the file's name."""
    if name and stem and not any(sign in name for sign in ":/@"):
        return f"{stem}:{name}"
    return name


def _the_one(groups: dict[str, list[Descriptor]], name: str) -> list[Descriptor]:
    """Return the image that is to have a name: the one that has it, or the only one."""
    full = str(reference.parse(name))
    for called in groups:
        if called and _is_a_name_of(called, full):
            return groups[called]
    if len(groups) != 1:
        there = ", ".join(sorted(filter(None, groups))[:8]) or "without names"
        raise _unclear(f"{len(groups)} images are in it, and none is {name}", there)
    return next(iter(groups.values()))


def _is_a_name_of(called: str, full: str) -> bool:
    try:
        return str(reference.parse(called)) == full
    except reference.BadReference:
        return False


def _unclear(why: str, hint: str) -> Unclear:
    error = Unclear(why)
    error.add_note(f"Hint: {hint}")
    return error
