"""The call trace: in order, by process, with C and a manual page for each call."""

import re

from hypothesis import given

from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.kernel.tracing import Call
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec
from cfslib.views import call_trace
from tests.conftest import needs_namespaces
from tests.views.trees import HOSTILE

MOUNT: dict[str, object] = {
    "source": None,
    "target": "/",
    "fstype": None,
    "flags": MountFlag.REC | MountFlag.PRIVATE,
    "options": None,
}
CLONE = Call("clone", {"flags": 0}, 7, 0, 2000, 41)
PRIVATE = Call("mount", MOUNT, 0, 0, 20, 1)
REFUSED = Call("chdir", {"path": "/x"}, -1, 2, 3, 1)
DROP = Call("prctl", {"option": Prctl.CAPBSET_DROP, "value": 3}, 0, 0, 3, 1)


def test_each_call_comes_with_c_and_with_its_manual_page() -> None:
    drawn = call_trace.to_html([PRIVATE])

    assert "mount(NULL, &quot;/&quot;, NULL, REC|PRIVATE, NULL) = 0" in drawn
    assert "MS_REC | MS_PRIVATE" in drawn
    assert 'href="https://man7.org/linux/man-pages/man2/mount.2.html"' in drawn


def test_a_page_that_is_in_another_section_is_found_there() -> None:
    assert call_trace.manual("posix_spawn").endswith("man3/posix_spawn.3.html")


def test_processes_and_durations_are_told_apart() -> None:
    drawn = call_trace.to_html([CLONE, PRIVATE])

    assert "2 calls by 2 processes, 2.0 ms in all." in drawn
    assert drawn.index("the maker") < drawn.index("PID 1")


def test_bars_are_to_one_scale() -> None:
    half = CLONE.changed(microseconds=1000)
    drawn = call_trace.to_html([CLONE, half, PRIVATE])

    assert re.findall(r'aria-label="(.*?) of the longest bar"', drawn) == [
        "100%",
        "50%",
        "1%",
    ]


def test_the_bar_of_a_call_that_waited_is_cut_so_that_others_can_be_seen() -> None:
    waited = PRIVATE.changed(microseconds=55_000)
    drawn = call_trace.to_html([CLONE, waited])

    assert 'aria-label="100% of the longest bar"' in drawn
    assert 'aria-label="off the scale"' in drawn
    assert drawn.count('<path d="M') == 1


def test_namespaces_have_their_colours() -> None:
    flags = Namespace.UTS | Namespace.PID
    drawn = call_trace.to_html([CLONE.changed(arguments={"flags": flags})])

    assert 'class="cfs-badge cfs-ns-uts">UTS</span>' in drawn
    assert 'class="cfs-badge cfs-ns-pid">PID</span>' in drawn
    assert ">REC<" not in drawn


def test_a_call_that_failed_is_marked() -> None:
    assert "<mark>" in call_trace.to_html([REFUSED])
    assert "<mark>" not in call_trace.to_html([PRIVATE])


def test_many_alike_are_one_row() -> None:
    drawn = call_trace.to_html([PRIVATE, *[DROP] * 29, CLONE])

    assert "29 calls of prctl that give up one right each" in drawn
    assert drawn.count("<tr>") == 4


def test_what_puts_devices_in_place_is_one_row_for_root_and_for_others() -> None:
    def call(name: str, **arguments: object) -> Call:
        return Call(name, arguments, 0, 0, 3, 1)

    made = [call("mknod", target="/r/dev/null"), call("mknod", target="/r/dev/zero")]
    bound = [made[0], call("mount", source="/dev/null", target="/r/dev/null")]

    assert "4 calls of mknod that put" in call_trace.to_html(made * 2)
    assert "4 calls of mknod and mount that put" in call_trace.to_html(bound * 2)


def test_no_calls_are_no_error() -> None:
    assert "0 calls" in call_trace.to_html([])


@given(HOSTILE)
def test_a_path_may_have_any_name(name: str) -> None:
    def drawn(name: str) -> str:
        return call_trace.to_html([Call("chdir", {"path": name}, 0, 0, 1, 1)])

    assert drawn(name).count("<") == drawn("a").count("<")


def test_the_button_asks_again() -> None:
    answers = iter([[CLONE], [CLONE, PRIVATE]])
    view = call_trace.viewer(lambda: next(answers))
    row, picture, _ = view.box.children
    row.children[0].click()

    assert "2 calls" in picture.value


@needs_namespaces
def test_a_real_trace_can_be_drawn() -> None:
    with syscalls.trace() as calls:
        capture(Spec(["true"]))

    assert f"{len(calls)} calls by 2 processes" in call_trace.to_html(calls)
