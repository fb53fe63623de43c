"""build: an image from a Dockerfile, step by step.

A step that changes files makes a layer.  What it has made is kept under a key, a hash
of all that it depends on: the files before it, the instruction, the variables that it
sees, the files that it copies.  When the same key comes again, the layer is there.
"""

import errno
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from cfslib.builder import placing, running, stages, taking, workplace
from cfslib.builder.bases import Bases, Image
from cfslib.builder.hands import Hands
from cfslib.builder.placing import Wanted
from cfslib.builder.stages import Stage
from cfslib.builder.workplace import Root, Workplace
from cfslib.images import descriptor, locks, ours, substitution
from cfslib.images.context import Files
from cfslib.images.descriptor import Descriptor, Named
from cfslib.images.dockerfile import BadDockerfile, Dockerfile, Instruction
from cfslib.images.loading import Loaded
from cfslib.images.picked import REAL, RECORDED
from cfslib.images.steps import Layer, Made
from cfslib.images.store import Store
from cfslib.runtime.errors import CannotExecute

__all__ = ["Builder", "Failed", "Options"]

# Variables that may be given without an ARG, and change no key: how to reach a network.
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
_FREE = frozenset((*_PROXIES, *map(str.upper, _PROXIES)))
_ALONE = (
    "Hint: here all files are yours, so no command can give one to another user;"
    " a line in /etc/subuid and one in /etc/subgid would change that."
)
_URLS = ("http://", "https://", "ftp://", "git://", "git@", "ssh://")


class Failed(BadDockerfile):
    """A command of a RUN that did not end well."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.exit_code = code


@dataclass(frozen=True)
class Options:
    """How to build."""

    names: Sequence[str] = ()
    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    use_cache: bool = True
    alone: bool = False  # RUN has no network


class Builder:
    """Builds images into a store."""

    def __init__(self, store: Store, hands: Hands, say: Callable[[str], None]) -> None:
        self.store, self.hands, self.say = store, hands, say

    def build(
        self, dockerfile: Dockerfile, context: Files, options: Options, unnamed: str
    ) -> Loaded:
        """Build an image, and give it its names: `unnamed` and a hash if none."""
        ours.make(self.store.directory)
        with (
            locks.held(self.store.directory, shared=True),
            Workplace(self.store, self.hands) as work,
        ):
            build = _Build(self, work, dockerfile, context, options)
            image = build.run()
            return self._named(image, options.names, unnamed)

    def _named(self, image: Image, names: Sequence[str], unnamed: str) -> Loaded:
        source = _Source(image)
        what = source.manifest
        first, *others = names or [f"{unnamed}@{what.digest}"]

        def bring() -> Loaded:
            return self.store.bring(source, what, first, owners=self.hands.owners)

        loaded: Loaded = self.hands.call(bring)
        for name in others:
            self.store.tag(loaded.image, name)
        return loaded


class _Build:
    """One build."""

    def __init__(
        self,
        builder: Builder,
        work: Workplace,
        dockerfile: Dockerfile,
        context: Files,
        options: Options,
    ) -> None:
        self._store, self._say = builder.store, builder.say
        self._work, self._owners = work, builder.hands.owners
        self._escape = dockerfile.escape
        self._all, self._globals = stages.split(dockerfile, options.args)
        self._context, self._options = context, options
        self._bases = Bases(self._store, work, _now)
        self._done: dict[int, Image] = {}
        self._used = set(_FREE) | self._globals.keys()
        self._shown = None if options.alone else running.files_of_the_host(work)

    def run(self) -> Image:
        """Take all steps; return the image of the last stage."""
        wanted = stages.needed(self._all, self._options.target)
        self._total = sum(1 + len(stage.steps) for stage in wanted)
        self._number = 0
        for stage in wanted:
            self._done[stage.number] = self._stage(stage)
        image = self._done[wanted[-1].number]
        image.created = image.created or _now()
        for name in sorted(set(self._options.args) - self._used):
            self._say(f"no ARG asks for --build-arg {name}")
        return image

    def _stage(self, stage: Stage) -> Image:
        self._tell(stage.start)
        before = self._all[: stage.number]
        base = stages.found(stage.base, before, numbers=False)
        if base:
            image = self._done[base.number].fork()
        else:
            image = self._bases.find(stage.base, stage.start)
        args: dict[str, str] = {}
        for step in stage.steps:
            try:
                self._step(step, image, args, before)
            except BadDockerfile:
                raise
            except (OSError, ValueError) as error:
                raise _about(step, error) from None
        return image

    def _tell(self, step: Instruction, note: str = "") -> None:
        self._number += not note
        text = " ".join(str(step).split())
        plain = "".join(sign if sign.isprintable() else "?" for sign in text)
        self._say(f"[{self._number}/{self._total}] {note}{plain}")

    def _step(
        self,
        step: Instruction,
        image: Image,
        args: dict[str, str],
        before: Sequence[Stage],
    ) -> None:
        if step.name == "RUN":
            self._run(step, image, args)
        elif step.name in ("COPY", "ADD"):
            self._copy(step, image, args, before)
        elif step.name == "ARG":
            self._arg(step, image, args)
        else:
            self._follow(step, image, args)

    def _arg(self, step: Instruction, image: Image, args: dict[str, str]) -> None:
        self._tell(step)
        given = self._options.args
        known = args | image.recipe.env
        found = stages.arguments(step, known, given, self._escape)
        above = stages.platform() | self._globals
        for name, value in found.items():
            self._used.add(name)
            value = above.get(name) if value is None else value
            if value is not None:
                args[name] = value
        image.add(Made(image.created), f"ARG {step.text}")

    def _follow(self, step: Instruction, image: Image, args: dict[str, str]) -> None:
        variables = args | image.recipe.env
        by = image.recipe.follow(step, variables, self._escape)
        if step.name != "WORKDIR":
            self._tell(step)
            image.add(Made(image.created), by)
            return
        path = image.recipe.workdir

        def make(place: str, root: Root) -> tuple[str, int] | None:
            return self._work.hands.apart(
                lambda: placing.make_directory(place, root, path, self._owners)
            )

        self._make(step, image, by, image.next_key("WORKDIR", path), make)

    # Steps that make layers.

    def _make(
        self,
        step: Instruction,
        image: Image,
        by: str,
        key: str,
        make: Callable[[str, Root], tuple[str, int] | None],
    ) -> None:
        """Take a step, unless what it makes is there."""
        made = self._store.steps.find(key) if self._options.use_cache else None
        if made:
            self._number += 1
            self._tell(step, "CACHED ")
            image.root = None if made.layer else image.root
        else:
            self._tell(step)
            made = self._made(image, make)
            self._store.steps.keep(key, made)
        image.key = key
        image.add(made, by)

    def _made(
        self, image: Image, make: Callable[[str, Root], tuple[str, int] | None]
    ) -> Made:
        place, root = self._work.new_layer(), self._bases.root(image)
        found = make(place, root)
        if not found:
            return Made(_now())
        digest, size = found
        self._store.blobs.take(f"{place}/layer.tar", digest)
        image.root = Root(root.tree, (workplace.upper(place), *root.layers))
        return Made(_now(), Layer(digest, size, digest))

    def _run(self, step: Instruction, image: Image, args: dict[str, str]) -> None:
        recipe, alone = image.recipe, self._options.alone
        argv = recipe.argv(step)
        if not argv or not argv[0]:
            raise ValueError("run what?")
        free = {k: v for k, v in self._options.args.items() if k in _FREE}
        env = free | args | recipe.env
        seen = {k: v for k, v in env.items() if k in recipe.env or k not in _FREE}
        parts = (argv, sorted(seen.items()), recipe.user, recipe.workdir, alone)

        def make(place: str, root: Root) -> tuple[str, int] | None:
            self._run_in(place, root, image, step, argv, env)
            return self._work.hands.apart(lambda: _taken(place, root))

        by = f"RUN {' '.join(argv)}"
        self._make(step, image, by, image.next_key("RUN", *parts), make)

    def _run_in(
        self,
        place: str,
        root: Root,
        image: Image,
        step: Instruction,
        argv: Sequence[str],
        env: Mapping[str, str],
    ) -> None:
        try:
            code = running.run_step(
                argv,
                root,
                place,
                env=env,
                user=image.recipe.user,
                workdir=image.recipe.workdir,
                many_owners=self._owners == REAL,
                shown=self._shown or (),
                alone=self._options.alone,
            )
        except CannotExecute as error:
            code = 127 if error.errno == errno.ENOENT else 126
            raise Failed(str(step.wrong(f"RUN: {error.strerror}")), code) from None
        except LookupError as error:  # of USER
            raise _about(step, error) from None
        if code:
            said = f"RUN {' '.join(step.text.split())[:60]}: exit code {code}"
            failed = Failed(str(step.wrong(said)), code)
            if self._owners == RECORDED:
                failed.add_note(_ALONE)
            raise failed

    def _copy(
        self,
        step: Instruction,
        image: Image,
        args: dict[str, str],
        before: Sequence[Stage],
    ) -> None:
        variables = args | image.recipe.env
        wanted = _wanted(step, image, variables, self._escape)
        source = self._source(step, before)
        if isinstance(source, Image):
            what: object = (source.key, wanted.sources)
        else:
            found = [one for text in wanted.sources for one in source.named(text)]
            what = source.hash(found)
        how = (step.name, wanted.to, wanted.inside, wanted.chown, wanted.chmod)

        def make(place: str, root: Root) -> tuple[str, int] | None:
            files = source
            there = self._bases.root(files) if isinstance(files, Image) else files
            return self._work.hands.apart(
                lambda: placing.place_files(place, root, there, wanted, self._owners)
            )

        by = f"{step.name} {' '.join(step.text.split())}"
        self._make(step, image, by, image.next_key(*how, what), make)

    def _source(self, step: Instruction, before: Sequence[Stage]) -> Files | Image:
        name = step.flags.get("from")
        if not name:
            return self._context
        stage = stages.found(name, before, numbers=True)
        return self._done[stage.number] if stage else self._bases.find(name, step)


def _about(step: Instruction, error: Exception) -> BadDockerfile:
    """Return an error that names the line, and has the advice of another."""
    what = getattr(error, "strerror", None) or str(error)
    if name := getattr(error, "filename", None):
        what = f"{name}: {what}"
    about = step.wrong(f"{step.name}: {what}")
    for note in getattr(error, "__notes__", ()):
        if note.startswith("Hint: "):  # not which line of which child it was
            about.add_note(note)
    return about


def _taken(place: str, root: Root) -> tuple[str, int] | None:
    taking.without_what_is_the_hosts(place, root)
    return taking.take(place, root, f"{place}/layer.tar")


def _wanted(
    step: Instruction, image: Image, variables: Mapping[str, str], escape: str
) -> Wanted:
    """Return what a COPY or an ADD asks for."""
    if step.words is None:
        words = substitution.words(step.rest, variables, escape)
    else:
        words = [substitution.expand(it, variables, escape) for it in step.words]
    if len(words) < 2 or not all(words):
        raise ValueError("it should be: SOURCE... DESTINATION")
    *sources, to = words
    for source in sources:
        if step.name == "ADD" and source.startswith(_URLS):
            raise ValueError(f"{source} is not a local file; RUN can fetch it")
    inside = to.endswith("/") or to.split("/")[-1] in (".", "..")
    if len(sources) > 1 and not inside:
        raise ValueError(f"{to} has to end in /, because several files come there")
    chmod = substitution.expand(step.flags.get("chmod", ""), variables, escape)
    if chmod and (set(chmod) - set("01234567") or int(chmod, 8) > 0o7777):
        raise ValueError(f"--chmod={chmod} is no mode, such as 0755")
    path = image.recipe.place(to)
    return Wanted(
        path,
        inside,
        tuple(sources),
        substitution.expand(step.flags.get("chown", ""), variables, escape),
        int(chmod, 8) if chmod else None,
        step.name == "ADD",
    )


class _Source:
    """The config and the manifest of an image, as a store brings them."""

    resumes = False

    def __init__(self, image: Image) -> None:
        about = {
            **image.top,
            "created": image.created,
            "config": image.recipe.config,
            "rootfs": {
                "type": "layers",
                "diff_ids": [layer.diff_id for layer in image.layers],
            },
            "history": image.history,
        }
        self._blobs: dict[str, bytes] = {}
        config = self._add(about, descriptor.CONFIG)
        self.manifest = self._add(
            {
                "schemaVersion": 2,
                "mediaType": descriptor.MANIFEST,
                "config": config.as_json(),
                "layers": [one.descriptor.as_json() for one in image.layers],
            },
            descriptor.MANIFEST,
        )

    def _add(self, document: object, kind: str) -> Descriptor:
        data = json.dumps(document, sort_keys=True).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._blobs[digest] = data
        return Descriptor(kind, digest, len(data))

    def manifests(self) -> list[Named]:
        return [Named(None, self.manifest)]

    def blob(self, digest: str) -> BinaryIO:
        return io.BytesIO(self._blobs[digest])


def _now() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    when = datetime.now(UTC)
    if epoch.isdecimal():
        when = datetime.fromtimestamp(int(epoch), UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
