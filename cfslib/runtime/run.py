"""run: run a container from a program or a notebook.

A process with one thread makes it itself, as `container` tells.  Any other has it made
by a server next door, for the reasons in `children`; and that goes the same way.
"""

import os

from cfslib.children import streams
from cfslib.children.streams import Finished, Pipes
from cfslib.kernel import procfs
from cfslib.runtime import client, container
from cfslib.runtime.lifeline import have_all_three
from cfslib.runtime.spec import Spec


def run(spec: Spec) -> int:
    """Run a container to its end; return its exit code as a shell would show it.

    It reads and prints where we do.  Raise `errors.CannotExecute` if the command could
    not be started, another `OSError` if the container could not be made.
    """
    __tracebackhide__ = True
    if procfs.thread_count() > 1:
        return client.run(spec)
    have_all_three()
    streams.flush()
    return container.run(spec, os.environb)


def capture(spec: Spec) -> Finished:
    """Run a container to its end; return its exit code and what it printed."""
    __tracebackhide__ = True
    if procfs.thread_count() == 1:
        have_all_three()
    with Pipes() as pipes:
        if procfs.thread_count() > 1:
            code = client.capture(spec, pipes)
        else:
            code = container.run(spec, os.environb, pipes.inside(), pipes.read)
        return pipes.finished(code)
