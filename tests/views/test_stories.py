"""The stories step by step: what their pictures say, drawn from real runs."""

from dataclasses import replace

from cfslib.kernel.procfs import Mount
from cfslib.observe import climb, leak, succession
from cfslib.observe.climb import JAIL, Where
from cfslib.observe.leak import Both
from cfslib.observe.succession import Moment
from cfslib.views import climb_steps, exec_steps, leak_steps, mount_picture
from cfslib.views.style import NAMESPACES
from tests.conftest import needs_namespaces
from tests.views.sightings import DEAD, FIRST, HOST
from tests.views.trees import mount

SHARED = mount(1, 0, "/mnt").changed(tags=("shared:7",))
SLAVE = SHARED.changed(tags=("master:7",))
PRIVATE = SHARED.changed(tags=())


def test_a_wire_joins_mounts_that_hear_of_each_other() -> None:
    assert mount_picture.joined(SHARED, SHARED) == "shared"
    assert mount_picture.joined(SHARED, SLAVE) == "slave"
    assert mount_picture.joined(SHARED, PRIVATE) == "private"
    assert mount_picture.joined(SHARED, mount(2, 0, "/proc", "proc")) == ""
    other = SHARED.changed(tags=("shared:8",))
    assert mount_picture.joined(SHARED, other) == "private"


def test_a_shared_wire_has_two_ends_and_a_private_one_none() -> None:
    def ends(container: Mount) -> int:
        drawn = leak_steps.picture(None, Both("", "", (SHARED,), (container,)))
        return drawn.count("cfs-wire-end")

    assert [ends(one) for one in (SHARED, SLAVE, PRIVATE)] == [2, 1, 0]


def test_what_is_new_is_marked_and_only_that() -> None:
    new = mount(2, 1, "/mnt/up")
    before = Both("", "", (SHARED,), (SHARED,))
    drawn = leak_steps.picture(before, Both("", "", (SHARED,), (SHARED, new)))

    assert drawn.count("+ new") == 1
    assert "/mnt/up (new)" in drawn  # in its title, too


def test_the_climb_shows_what_is_in_reach() -> None:
    locked_in = Where("chroot()", "", JAIL, "/")
    drawn = climb_steps.picture(locked_in)

    assert "/ is /mnt/jail, and . is /, by their paths on the host." in drawn
    assert drawn.count(NAMESPACES["MNT"]) == 2  # the jail and the trap
    assert "line-through" not in drawn
    gone = climb_steps.picture(replace(locked_in, cwd=JAIL, cut=True))
    assert gone.count("line-through") == 2


def test_exec_changes_the_program_and_not_the_process() -> None:
    maker = replace(HOST, name="python3")
    forked = Moment("fork()", "", maker, replace(FIRST, name="python3"))
    executed = Moment("execve()", "", maker, FIRST)
    before, after = map(exec_steps.picture, (forked, executed))

    assert "pid 200, PID 1 inside" in before
    assert "pid 200, PID 1 inside" in after
    assert before.count("python3</text>") == 2
    assert after.count("python3</text>") == 1
    assert "&lt;first&gt;</text>" in after
    assert "✝ ended" in exec_steps.picture(replace(executed, child=DEAD))


@needs_namespaces
def test_real_runs_can_be_drawn() -> None:
    views = [
        climb_steps.view({"chroot": climb.out_of_chroot()}),
        leak_steps.view({str(kind): leak.of_a_mount(kind) for kind in leak.STORIES}),
        exec_steps.view(succession.of_a_command()),
    ]
    for view in views:
        assert "Step 0 of" in view.box.children[1].value
        assert not view.status.value
