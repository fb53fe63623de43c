import dataclasses

import pytest

from cfslib.isolation.namespaces import Namespace
from cfslib.runtime.spec import NAMESPACES, Spec


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


def test_a_spec_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Spec(["ps"]).hostname = "other"  # type: ignore[misc]
