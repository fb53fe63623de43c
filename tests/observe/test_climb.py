"""The climb out of a changed root: where / and . are after each call."""

from cfslib.observe import climb
from cfslib.observe.climb import JAIL, TRAP
from tests.conftest import needs_namespaces

pytestmark = needs_namespaces


def test_out_of_chroot_a_process_climbs() -> None:
    assert [(now.root, now.cwd) for now in climb.out_of_chroot()] == [
        ("/", "/"),
        (JAIL, "/"),  # after chroot
        (JAIL, JAIL),  # after chdir
        (TRAP, JAIL),  # after the second chroot
        (TRAP, "/mnt"),
        (TRAP, "/"),
        (TRAP, "/"),  # there is nothing above it
        ("/", "/"),
    ]


def test_after_pivot_root_it_climbs_in_vain() -> None:
    told = climb.out_of_pivot_root()

    assert [(now.root, now.cwd) for now in told[-5:]] == [
        *[(TRAP, JAIL)] * 4,
        (JAIL, JAIL),
    ]
    assert told[-1].cut
    assert not told[2].cut  # the old root is still there after pivot_root


def test_each_way_ends_with_what_came_of_it() -> None:
    assert climb.out_of_chroot()[-1].story.startswith("Out.")
    assert "leads nowhere" in climb.out_of_pivot_root()[-1].story
