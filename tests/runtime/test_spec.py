import marshal
from pathlib import Path

import pytest

from cfslib.isolation.capabilities import Capability
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace
from cfslib.runtime.spec import NAMESPACES, SCRATCH, Spec, Volume, from_plain


def test_a_spec_needs_a_command_and_no_more() -> None:
    assert Spec(["ps"]).argv == ["ps"]


def test_the_environment_is_four_variables_and_ours() -> None:
    assert set(Spec(["env"]).environment()) == {"PATH", "HOME", "TERM", "HOSTNAME"}
    assert Spec(["env"], env={"A": "1"}).environment()["A"] == "1"


def test_what_is_asked_for_wins() -> None:
    spec = Spec(["env"], hostname="box", env={"PATH": "/x", "TERM": "vt100"})

    assert spec.environment("xterm") == {
        "PATH": "/x",
        "HOME": "/root",
        "TERM": "vt100",
        "HOSTNAME": "box",
    }


def test_the_callers_environment_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", "key")

    assert "SECRET" not in Spec(["env"]).environment()


def test_the_network_is_shared_unless_asked() -> None:
    assert Namespace.NET not in NAMESPACES
    assert Namespace.PID in NAMESPACES


def test_a_path_is_kept_as_text(tmp_path: Path) -> None:
    spec = Spec(["ps"], rootfs=tmp_path, workdir=Path("/tmp"))

    assert (spec.rootfs, spec.workdir) == (str(tmp_path), "/tmp")
    assert vars(Volume(tmp_path, Path("/mnt"))) == (
        {"source": str(tmp_path), "target": "/mnt", "read_only": False, "size": SCRATCH}
    )


def test_what_it_was_made_of_may_change() -> None:
    argv, env = ["ps"], {"A": "1"}
    spec = Spec(argv, env=env)
    argv.append("-e")
    env["B"] = "2"

    assert (spec.argv, spec.env) == (["ps"], {"A": "1"})


EVERYTHING = Spec(
    ["echo", "\udcff"],
    rootfs="/r",
    hostname="box",
    env={"A": "é"},
    workdir="/tmp",
    user="1000:7",
    namespaces=NAMESPACES | Namespace.NET,
    limits=Limits(memory_max=1 << 20, cpu_max=0.5),
    volumes=[Volume("/a", "/b", read_only=True), Volume("/c", "/d")],
    capabilities={Capability.CHOWN, Capability.SYS_PTRACE},
    read_only=True,
    layer_max=1 << 20,
    terminal=True,
    interactive=True,
    leave_out={"pivot", "keep_private"},
)


@pytest.mark.parametrize("spec", [Spec(["ps"]), EVERYTHING], ids=["little", "all"])
def test_a_spec_can_be_taken_apart_and_put_together(spec: Spec) -> None:
    plain = marshal.loads(marshal.dumps(spec.as_plain()))
    again = from_plain(plain)

    assert again == spec
    assert again.namespaces.name == spec.namespaces.name
    assert {each.name for each in again.capabilities} == (
        {each.name for each in spec.capabilities}
    )


def test_what_can_be_said_differs_from_what_is_usual() -> None:
    """Or the test above would not see it lost."""
    usual = vars(Spec(["ps"]))

    assert [name for name, part in vars(EVERYTHING).items() if part == usual[name]] == (
        []
    )
