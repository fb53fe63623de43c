"""run: run a container to its end.

A process with one thread makes it itself.  Any other, such as a Jupyter kernel, has it
made by a server next door, for the reasons in `children`; and that goes the same way.
"""

from cfslib.children import streams
from cfslib.children.pipes import MOST, Pipes
from cfslib.kernel import procfs
from cfslib.runtime import direct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.children.pipes import Finished
    from cfslib.runtime.spec import Spec


def run(spec: "Spec") -> int:
    """Run a container to its end; return its exit code as a shell would show it.

    It reads and prints where we do; what is typed at a terminal it reads only if the
    `Spec` says so.  Raise `errors.CannotExecute` if the command could not be started,
    another `OSError` if the container could not be made.
    """
    __tracebackhide__ = True
    streams.have_all_three()
    if procfs.thread_count() > 1:
        from cfslib.runtime import client  # here, because it takes long to import

        return client.run(spec)
    return direct.run(spec)


def capture(spec: "Spec", most: "int | None" = MOST) -> "Finished":
    """Run a container to its end; return its exit code and what it printed.

    If that is more than `most` bytes, it is ended, and an `OSError` raised.
    """
    __tracebackhide__ = True
    streams.have_all_three()
    pipes = Pipes(most)
    if procfs.thread_count() > 1:
        from cfslib.runtime import client

        code = client.capture(spec, pipes)
    else:
        code = direct.run(spec, pipes)
    return pipes.finished(code)
