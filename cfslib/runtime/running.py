"""running: containers that go on, for a program or a notebook.

    with start(Spec(["sleep", "100"])) as container:
        print(container.exec(["ps"]).stdout)

It is a container as `cfs run -d` makes it: `cfs ps` lists it, and others may enter it.
What takes a fork is done in a child, because a program with threads, such as a Jupyter
kernel, must not; so other cells can run meanwhile.
"""

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial

from cfslib.children.in_child import in_child
from cfslib.children.pipes import MOST, Finished, Pipes
from cfslib.runtime import ending, enter, monitor, places, register
from cfslib.runtime.ending import LastWord
from cfslib.runtime.logbook import Reader
from cfslib.runtime.monitor import Asked
from cfslib.runtime.spec import Spec
from cfslib.runtime.state import ENDED, State

PATIENCE = 10.0  # seconds from the stop signal to SIGKILL


class Running:
    """A container that goes on; as a context manager it is ended, and forgotten."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def id(self) -> str:
        """What no other container is called."""
        return self._state.id

    @property
    def name(self) -> str:
        """What people call it."""
        return self._state.name

    @property
    def status(self) -> str:
        """Say whether it is created, running, ending or ended."""
        return self._state.status()

    def exec(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        workdir: str | None = None,
        most: int | None = MOST,
    ) -> Finished:
        """Run one more command in it; return its exit code and what it printed."""
        __tracebackhide__ = True
        command = enter.Command(argv, env=env, user=user, workdir=workdir)
        return in_child(partial(_captured, self._state, command, most))

    def logs(self) -> str:
        """Return what it has printed until now, on both streams."""
        reader = Reader(f"{self._state.path}/log")
        try:
            text = b"".join(entry.text for entry in reader.now())
        finally:
            reader.close()
        return text.decode(errors="replace")

    def wait(self) -> int:
        """Wait for its end; return its exit code as a shell would show it."""
        with LastWord(self._state) as last:
            return last.code()

    def stop(self, patience: float = PATIENCE) -> int:
        """Ask it to end, and make it end after so many seconds; return its exit code.

        It is no harm if it has ended.
        """
        ending.ask(self._state)
        ending.end(self._state, time.monotonic() + patience)
        return self.wait()

    def remove(self) -> None:
        """Forget it, and end it if it runs; twice is fine."""
        try:
            if self._state.status() != ENDED:
                ending.end(self._state)
            ending.clear_away(self._state)
        except FileNotFoundError:
            pass  # somebody else has

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"Running({self._state.id[:12]!r})"


def start(spec: Spec, name: str | None = None) -> Running:
    """Start a container that goes on without us; return when its command runs.

    Raise what `run.run` would raise.
    """
    __tracebackhide__ = True
    place = places.directory(os.environb)
    id = in_child(partial(_started, place, spec, name))
    return Running(State(place, id))


def find(word: str) -> Running:
    """Return a container by its name, or by how its id alone begins."""
    return Running(register.find(places.directory(os.environb), word))


def _started(place: str, spec: Spec, name: str | None) -> str:
    return monitor.detached(Asked(place, spec, name))


def _captured(state: State, command: enter.Command, most: int | None) -> Finished:
    pipes = Pipes(most)
    return pipes.finished(enter.run(state, command, caught=pipes))
