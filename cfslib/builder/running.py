"""running: take a RUN: a container whose layer stays when it has ended."""

import os
from collections.abc import Mapping, Sequence

from cfslib.builder.taking import OF_THE_HOST
from cfslib.builder.workplace import Root, Workplace
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from cfslib.runtime import direct, run
from cfslib.runtime.spec import NAMESPACES, Spec, Volume

_MOST = 1 << 20  # bytes of a file of the host's that is shown inside


def files_of_the_host(work: Workplace) -> list[Volume]:
    """Return copies of the files that say how names are looked up."""
    found = []
    for path in OF_THE_HOST:
        copy = work.file(os.path.basename(path))
        try:
            with open(path, "rb") as file, open(copy, "xb") as out:
                out.write(file.read(_MOST))
        except FileNotFoundError:
            continue
        os.chmod(copy, 0o644)
        found.append(Volume(copy, path))
    return found


def run_step(
    argv: Sequence[str],
    root: Root,
    place: str,
    *,
    env: Mapping[str, str],
    user: str,
    workdir: str,
    many_owners: bool,
    shown: Sequence[Volume],  # besides what is in the root
    alone: bool,  # without a network
) -> int:
    """Run a command on top of a root; return its exit code, as a shell shows it."""
    spec = Spec(
        argv,
        rootfs=root.tree,
        image="a build",
        kept=place,
        between=root.layers,
        env=env,
        user=user,
        workdir=workdir,
        many_owners=many_owners,
        volumes=shown,
        namespaces=NAMESPACES | (Namespace.NET if alone else Namespace(0)),
    )
    if procfs.thread_count() > 1:
        return run.run(spec)
    return direct.run(spec, pass_signals=False)  # who ends the build ends all of it
