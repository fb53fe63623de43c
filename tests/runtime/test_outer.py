import os
import socket

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.namespaces import Namespace, inode
from cfslib.kernel import syscalls
from cfslib.runtime import outer
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec
from tests.conftest import needs_namespaces
from tests.runtime.threads import captured, in_a_thread

pytestmark = needs_namespaces


def test_the_world_has_namespaces_of_its_own() -> None:
    ours = [inode(kind) for kind in outer.KINDS]
    theirs = outer.around(lambda: [inode(kind) for kind in outer.KINDS])

    assert not set(ours) & set(theirs)


def test_what_is_done_there_stays_there() -> None:
    def change() -> tuple[str, bool]:
        syscalls.sethostname("changed")
        syscalls.mount("tmpfs", "/mnt", "tmpfs")
        return socket.gethostname(), os.path.ismount("/mnt")

    before = socket.gethostname(), os.path.ismount("/mnt")

    assert outer.around(change) == ("changed", True)
    assert (socket.gethostname(), os.path.ismount("/mnt")) == before


def test_who_calls_is_its_first_process() -> None:
    assert outer.around(os.getpid) == 1


def test_it_is_known_to_be_here_and_nowhere_else() -> None:
    assert outer.around(outer.is_here)
    assert not outer.is_here()


def test_who_has_left_a_part_of_it_is_not_in_it_any_more() -> None:
    def leave() -> bool:
        syscalls.unshare(Namespace.UTS)
        return outer.is_here()

    assert outer.around(lambda: in_child(leave)) is False


def test_an_error_there_arrives_here() -> None:
    def fail() -> None:
        raise LookupError("there")

    with pytest.raises(LookupError, match="there"):
        outer.around(fail)


def test_a_program_with_threads_can_have_one() -> None:
    assert in_a_thread(lambda: outer.around(outer.is_here))


# Containers in it, without one of their walls.


@pytest.mark.parametrize("left_out", ["keep_private", "UTS", "pivot"])
def test_without_a_world_around_it_a_whole_container_is_all_there_is(
    left_out: str,
) -> None:
    spec = Spec(["true"], leave_out={left_out})

    with pytest.raises(PermissionError, match=f"without {left_out} a container could"):
        capture(spec)
    with pytest.raises(PermissionError, match=f"without {left_out} a container could"):
        captured(spec)


def test_in_one_a_step_can_be_left_out() -> None:
    spec = Spec(["hostname"])

    def names() -> list[str]:
        syscalls.sethostname("around")
        less = spec.changed(leave_out={"sethostname"})
        return [capture(each).stdout for each in (spec, less)]

    assert outer.around(names) == ["cfs-container\n", "around\n"]


def test_in_one_a_namespace_can_be_left_out() -> None:
    def same() -> list[bool]:
        words = ["readlink", "/proc/self/ns/ipc"]
        specs = Spec(words), Spec(words, leave_out={"IPC"})
        ours = os.readlink("/proc/self/ns/ipc")
        return [capture(spec).stdout.strip() == ours for spec in specs]

    assert outer.around(same) == [False, True]
