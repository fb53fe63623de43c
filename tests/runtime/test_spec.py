import marshal
import os
from pathlib import Path
from typing import Any

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
    spec = Spec([Path("/bin/ps")], rootfs=tmp_path, workdir=Path("/tmp"))

    assert spec.argv == ["/bin/ps"]
    assert (spec.rootfs, spec.workdir) == (str(tmp_path), "/tmp")
    assert vars(Volume(tmp_path, Path("/mnt"))) == (
        {"source": str(tmp_path), "target": "/mnt", "read_only": False, "size": SCRATCH}
    )


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ({"argv": "hostname"}, r'\["hostname"\]'),
        ({"argv": None}, "list"),
        ({"argv": ["sleep", 5]}, "5"),
        ({"rootfs": 4}, "path"),
        ({"hostname": 4}, "name"),
        ({"env": "A=1"}, "dict"),
        ({"env": {"A": 1}}, "A in env is 1"),
        ({"user": 1000}, '"1000"'),
        ({"groups": "staff"}, r'\["staff"\]'),
        ({"namespaces": "UTS"}, "Namespace.UTS"),
        ({"limits": 6}, r"Limits\("),
        ({"volumes": Volume}, r"\[Volume"),
        ({"volumes": Volume("/a", "/b")}, r"\[Volume"),
        ({"volumes": ["/a:/b"]}, r"\[Volume"),
        ({"capabilities": ["KILL"]}, "Capability.KILL"),
        ({"layer_max": "64m"}, "bytes"),
        ({"filter_flags": "LOG"}, "a number"),
        ({"hostnam": "box"}, "did you mean 'hostname'"),
        ({"volume": []}, "did you mean 'volumes'"),
    ],
    ids=str,
)
def test_a_wrong_part_says_what_is_wanted(parts: dict[str, Any], wanted: str) -> None:
    with pytest.raises(TypeError, match=wanted):
        Spec(**{"argv": ["ps"]} | parts)


def test_a_volume_says_what_it_wants() -> None:
    with pytest.raises(TypeError, match="path"):
        Volume(4, "/data")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="absolute"):
        Volume("/data", "data")
    with pytest.raises(TypeError, match="did you mean 'source'"):
        Volume(src="/data", target="/data")  # type: ignore[call-arg]


@pytest.mark.parametrize("word", ["auto", "HOST", True, None])
def test_a_word_that_means_nothing_is_refused(word: Any) -> None:
    with pytest.raises(ValueError, match="host, private, keep-id"):
        Spec(["true"], userns=word)


def test_every_mapping_is_an_environment() -> None:
    assert Spec(["env"], env=os.environ).env == dict(os.environ)


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
    groups=["staff"],
    userns="private",
    namespaces=NAMESPACES | Namespace.NET,
    limits=Limits(20, 1 << 20, 0.5, 0, "0-1", 512, 100),
    volumes=[Volume("/a", "/b", read_only=True), Volume("/c", "/d")],
    capabilities={Capability.CHOWN, Capability.SYS_PTRACE},
    no_new_privileges=True,
    filter=b"\x06\0\0\0\0\0\xff\x7f",
    filter_flags=4,
    network="bridge",
    publish=["8080:80"],
    dns=["192.0.2.53"],
    hosts=["db:192.0.2.9"],
    read_only=True,
    layer_max=1 << 20,
    terminal=True,
    interactive=True,
    stop_signal=3,
    image="busybox:1",
    many_owners=True,
    kept="/some/where",
    between=["/some/layer"],
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
