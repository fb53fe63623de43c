import os
import tempfile
import threading
from collections.abc import Callable
from typing import TypeVar

from cfslib.children import forkclient
from cfslib.children.in_child import in_child
from cfslib.doctor import report as doctor
from cfslib.doctor.report import examine, healthy, report
from cfslib.doctor.trials import Finding
from cfslib.isolation import idmaps
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec

T = TypeVar("T")


def test_the_doctor_and_a_container_agree() -> None:
    findings = examine()

    assert healthy(findings) == (capture(Spec(["true"])).code == 0)


def test_every_part_is_looked_at() -> None:
    looked_at = [finding.about for finding in examine()]

    for part in (
        "kernel",
        "user namespaces",
        "namespaces",
        "/proc inside",
        "overlay",
        "process limit",
        "cgroups",
        "user ids",
        "everyday tools",
        "a container",
    ):
        assert part in looked_at


def test_a_process_with_threads_can_ask() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        findings = examine()
    finally:
        end.set()
        thread.join()
        forkclient.stop()

    assert [f.about for f in findings] == [f.about for f in examine()]


def test_an_examination_leaves_the_machine_as_it_was() -> None:
    before = _what_could_change()
    examine()

    assert _what_could_change() == before


def test_a_user_without_user_namespaces_gets_no_container_and_learns_why() -> None:
    findings = in_child(_as_a_user_where(_none_are_allowed, examine))
    by_name = {finding.about: finding for finding in findings}

    assert not healthy(findings)
    assert by_name["user namespaces"].remedy == (
        "sudo sysctl -w user.max_user_namespaces=15000"
    )
    assert by_name["a container"].fatal
    assert "cannot be made here" in report(findings)


def test_a_missing_extra_is_no_reason_to_give_up() -> None:
    findings = [Finding("user ids", "root alone", "sudo apt-get install uidmap")]

    assert healthy(findings)
    assert "note  user ids" in report(findings)


def test_the_report_fits_into_80_columns() -> None:
    long = "a sentence with many words " * 12
    findings = [*examine(), Finding("cgroups", long, "x" * 68), Finding("x", long)]

    assert max(map(len, report(findings).splitlines())) <= doctor.WIDTH


def test_the_report_names_the_line_to_type() -> None:
    findings = [Finding("overlay", "this kernel has none", "sudo modprobe overlay")]

    assert "type: sudo modprobe overlay" in report(findings)


def _none_are_allowed() -> None:
    syscalls.write("/proc/sys/user/max_user_namespaces", "0")


def _as_a_user_where(
    holds: Callable[[], None], then: Callable[[], T]
) -> Callable[[], T]:
    """Be an ordinary user in a user namespace that was first prepared by its root."""

    def call() -> T:
        uid, gid = os.getuid(), os.getgid()
        syscalls.unshare(Namespace.USER)
        holds()  # each user namespace has its own copy of /proc/sys/user
        idmaps.write("self", [IdMap(1000, uid)], [IdMap(1000, gid)])
        return then()

    return call


def _what_could_change() -> tuple[object, ...]:
    temporary = [
        name
        for name in os.listdir(tempfile.gettempdir())
        if name.startswith("cfs-doctor")
    ]
    return (
        procfs.mounts(),
        procfs.cgroup_entries(),
        temporary,
        os.listdir("/proc/self/fd"),
    )
