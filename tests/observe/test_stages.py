"""The mount table after each step of a container's start."""

from pathlib import Path

import pytest

from cfslib.isolation import rootfs
from cfslib.kernel import procfs, tracing
from cfslib.observe import stages
from cfslib.runtime.spec import Spec, Volume
from tests.conftest import needs_namespaces

pytestmark = needs_namespaces


@pytest.fixture(scope="module")
def told(rootfs_dir: Path) -> list[stages.Stage]:
    volume = Volume(str(rootfs_dir), "/data")
    spec = Spec(["true"], rootfs=str(rootfs_dir), volumes=[volume], read_only=True)
    return stages.of_a_start(spec)


def table(told: list[stages.Stage], step: str) -> list[procfs.Mount]:
    return next(list(stage.mounts) for stage in told if stage.step == step)


def targets(told: list[stages.Stage], step: str) -> list[str]:
    return [mount.target for mount in table(told, step)]


def test_every_step_is_taken_in_the_order_of_the_story(
    told: list[stages.Stage],
) -> None:
    order = "the host, clone, make private, layer, proc, sys, dev, pivot_root, detach"

    assert ", ".join(stage.step for stage in told) == (
        f"{order}, mask, volume, read-only"
    )


def test_it_begins_with_a_copy_of_our_own_table(told: list[stages.Stage]) -> None:
    def kept(step: str) -> set[tuple[str, str, str]]:
        # Others on this machine mount and unmount meanwhile, but never these two.
        seen = {(m.target, m.fstype, m.source) for m in table(told, step)}
        return {row for row in seen if row[0] in ("/", "/proc")}

    assert len(kept("the host")) >= 2
    assert kept("clone") == kept("the host")


def test_nothing_is_shared_from_the_first_step_on(told: list[stages.Stage]) -> None:
    kinds = {mount.propagation for mount in table(told, "make private")}

    assert kinds <= {"private", "unbindable"}


def test_the_layer_is_two_mounts_at_one_place(told: list[stages.Stage]) -> None:
    new = table(told, "layer")[len(table(told, "make private")) :]

    assert [(mount.fstype, mount.target) for mount in new] == [
        ("tmpfs", rootfs.PLACE),
        ("overlay", rootfs.PLACE),
    ]


def test_the_old_root_is_there_until_it_is_detached(told: list[stages.Stage]) -> None:
    assert targets(told, "pivot_root").count("/") == 2
    assert targets(told, "detach").count("/") == 1
    assert {m.fstype for m in table(told, "detach") if m.target == "/"} == {"overlay"}


def test_a_volume_shows_up_where_it_was_asked_for(told: list[stages.Stage]) -> None:
    assert "/data" not in targets(told, "detach")
    assert "/data" in targets(told, "volume")


def test_the_last_step_makes_the_root_read_only(told: list[stages.Stage]) -> None:
    def options(step: str) -> str:
        return next(m.options for m in table(told, step) if m.target == "/")

    assert options("mask").startswith("rw")
    assert options("read-only").startswith("ro")


def test_nobody_listens_to_us_afterwards(told: list[stages.Stage]) -> None:
    assert told
    assert not tracing.after_step
    assert not tracing.after_call


def test_an_error_of_the_container_comes_home(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        stages.of_a_start(Spec(["true"], rootfs=str(tmp_path / "nowhere")))
