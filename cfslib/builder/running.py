"""running: take a RUN: a container whose layer stays when it has ended."""

import os
import signal
import threading
from collections.abc import Mapping, Sequence
from typing import Self

from cfslib.builder.taking import OF_THE_HOST
from cfslib.builder.workplace import Root, Workplace
from cfslib.isolation.namespaces import Namespace
from cfslib.runtime import run
from cfslib.runtime.spec import NAMESPACES, Spec, Volume

_MOST = 1 << 20  # bytes of a file of the host's that is shown inside


class Heard:
    """Notes the signals that come while a container gets them: see set_wakeup_fd."""

    def __enter__(self) -> Self:
        self._reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._writer = writer
        self._is_main = threading.current_thread() is threading.main_thread()
        if self._is_main:
            self._before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_main:
            signal.set_wakeup_fd(self._before)
        os.close(self._reader)
        os.close(self._writer)

    def stop_if_asked(self) -> None:
        """Raise what ends this process, if a signal has come that is to."""
        try:
            came = os.read(self._reader, 64)
        except BlockingIOError:
            return
        if signal.SIGINT in came:
            raise KeyboardInterrupt
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if number in came:
                raise SystemExit(128 + number)


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
    with Heard() as heard:
        code = run.run(spec)
        heard.stop_if_asked()
    return code
