"""recipes: write down how a container was made, for `replay` to make more like it.

`shelf` says what is in a recipe.  Only containers are recorded whose making asks the
kernel for everything, and nothing of the files inside: no volumes, no other user than
root, no terminal.  The others are made the plain way each time.
"""

import marshal
import os
import sys
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path

from cfslib.images import cache, host_tools, notes, search
from cfslib.isolation.cgroups.group import Group
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel.tracing import Call, for_c
from cfslib.runtime import shelf
from cfslib.runtime.shelf import Recipe
from cfslib.runtime.spec import Spec

_found: dict[Hashable, Recipe] = {}
# When our code was what it is here; the kernel's clock for files may be a tick late.
_LOADED = time.time_ns() - 10_000_000
ENOUGH = 100  # more lie there only if somebody makes up new options all the time


def name_of(spec: Spec) -> str | None:
    """Return the name of the recipe for a container; None if there can be none."""
    if not (kind := _kind(spec)):
        return None
    import hashlib  # here, because each child of the fork server would have its library

    return hashlib.sha256(repr(kind).encode("utf-8", "surrogateescape")).hexdigest()


def find(spec: Spec) -> Recipe | None:
    """Return the recipe for a container, if there is one."""
    if not (kind := _kind(spec)):
        return None
    if recipe := _found.get(kind):
        return recipe
    recipe = shelf.load(shelf.directory(os.environb), name_of(spec) or "")
    if not recipe or not shelf.are_as_before(recipe["code"]):
        return None
    # From now on a change of our code comes too late: what we know is what we do.
    _found[kind] = recipe | {"code": []}
    return _found[kind]


def forget(spec: Spec) -> None:
    """Look on the shelf again next time: this recipe did not hold."""
    _found.pop(_kind(spec), None)


def _kind(spec: Spec) -> tuple[Hashable, ...] | None:
    """Return what containers with one recipe have in common."""
    if spec.volumes or spec.user != "0" or spec.terminal:
        return None
    fields = vars(spec) | {
        "argv": (),
        "rootfs": spec.rootfs.absolute() if spec.rootfs else None,
        "env": tuple(spec.env.items()),
        "volumes": (),
    }
    return tuple(fields.values())


def keep(
    spec: Spec,
    root: Path,
    namespaces: Namespace,
    groups: Sequence[Group],
    calls: Sequence[Call],
) -> None:
    """Write down how a container was made, from all the calls that it took."""
    if not (name := name_of(spec)) or not (code := _code()):
        return
    before, (made, *after) = _split(calls, "clone")
    between, (_, *inside) = _split(after, "prctl")
    paths = [os.fsencode(path) for group in groups for path in group.paths]
    varying = {os.fsencode(group.path.name): shelf.NAME for group in groups}
    varying[b"/%d/" % made.result] = b"/" + shelf.PID + b"/"
    save(
        name,
        {
            "circumstances": shelf.circumstances(os.environb),
            "root": str(root),
            "namespaces": int(namespaces),
            "groups": [_vary(path, varying) for path in paths],
            "before": _plain(before, varying),
            "between": _plain(between, varying),
            **_inside(inside[:-1], namespaces, varying),  # without the command's start
            **_environment(spec),
            **_files(spec, root),
            "code": code,
        },
    )


def also_as(alias: str, spec: Spec) -> None:
    """Put the recipe for a container under a second name, for who knows that one."""
    directory, name = shelf.directory(os.environb), name_of(spec)
    if not name or not (recipe := shelf.load(directory, name)):
        return
    recipe = recipe | {"name": alias}
    if shelf.load(directory, alias) != recipe:
        save(alias, recipe)


def save(name: str, recipe: Recipe) -> None:
    """Put a recipe on the shelf, if there is one and room on it."""
    directory = shelf.directory(os.environb)
    if directory is None:
        return
    try:
        os.makedirs(directory, 0o700, exist_ok=True)
        if len(lying := os.listdir(directory)) > ENOUGH:
            for other in lying:
                os.unlink(os.path.join(directory, other))
        draft = os.path.join(directory, b"new-%d" % os.getpid())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(draft, flags, 0o600), "wb") as file:
            own = {"name": name, "format": shelf.format_here()}
            marshal.dump(recipe | own, file)
        os.replace(draft, os.path.join(directory, os.fsencode(name)))
    except OSError:
        pass  # the next container is made the plain way too, and no worse for it


def _split(calls: Sequence[Call], name: str) -> tuple[list[Call], list[Call]]:
    """Return the calls before the first one of this name, and those from it on."""
    first = next(number for number, call in enumerate(calls) if call.name == name)
    return list(calls[:first]), list(calls[first:])


def _plain(
    calls: Sequence[Call], varying: Mapping[bytes, bytes]
) -> list[tuple[str, Sequence[object], int, int]]:
    """Return calls as `replay` wants them: numbers and bytes, no names for flags."""
    return [
        (call.name, _arguments(call, varying), call.result, call.error)
        for call in calls
    ]


def _arguments(call: Call, varying: Mapping[bytes, bytes]) -> Sequence[object]:
    """Return arguments as a tuple; as a list if one of them is another each time."""
    once = tuple(for_c(value) for value in call.arguments.values())
    always = [_vary(value, varying) for value in once]
    return once if once == tuple(always) else always


def _inside(
    calls: Sequence[Call], namespaces: Namespace, varying: Mapping[bytes, bytes]
) -> Recipe:
    """Say what PID 1 can begin with, and what has to wait for its maker."""
    plain = _plain(calls, varying)
    number = 0
    if Namespace.USER not in namespaces:  # else it is nobody until there are id maps
        kinds = [type(arguments) for _, arguments, *_ in plain]
        number = kinds.index(list) if list in kinds else len(plain)
    return {"begin": plain[:number], "inside": plain[number:]}


def _vary(value: object, varying: Mapping[bytes, bytes]) -> object:
    if isinstance(value, bytes):
        for once, always in varying.items():
            value = value.replace(once, always)
    return value


def _environment(spec: Spec) -> Recipe:
    variables = spec.environment()
    path = variables["PATH"]
    if "TERM" not in spec.env:
        del variables["TERM"]  # it is that of whoever runs the container
    return {
        "path": path,
        "environment": {os.fsencode(k): os.fsencode(v) for k, v in variables.items()},
    }


def _files(spec: Spec, root: Path) -> Recipe:
    """Return the files whose change makes a recipe a thing of the past."""
    files, absent = _made_from() if spec.rootfs is None else ([], [])
    return {
        "stamps": [(file, shelf.stamp(file)) for file in [str(root), *files]],
        "places": sorted({place for file in files for place in _places(file)}),
        "absent": absent,
    }


def _made_from() -> tuple[list[str], list[str]]:
    note = notes.fresh(cache.directory(), path := search.path(os.environb))
    if not note:
        return [], []
    places = [
        str(place)
        for tool, program in zip(
            host_tools.EVERYDAY, note.programs.split(b":"), strict=True
        )
        if not program
        for place in host_tools.places(tool, os.fsdecode(path))
    ]
    return [os.fsdecode(source) for source in note.sources], places


def _places(file: str) -> Iterator[str]:
    """Yield the directory of a file; if it is a link, also that of what it leads to."""
    yield os.path.dirname(file)
    if os.path.islink(file):
        target = os.path.join(os.path.dirname(file), os.readlink(file))
        yield from _places(target)


def _code() -> list[tuple[str, tuple[int, int]]]:
    """Return the stamps of our own files; none if one has changed since it was loaded.

    What is written down then would be our old ways, and pass for those of the new code.
    """
    package = os.path.dirname(os.path.dirname(__file__))
    files = [str(getattr(module, "__file__", "")) for module in [*sys.modules.values()]]
    code = [(file, shelf.stamp(file)) for file in files if file.startswith(package)]
    return code if all(changed < _LOADED for _, (_, changed) in code) else []
