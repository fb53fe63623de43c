import os

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities, idmaps
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.runtime import ownership
from cfslib.runtime.spec import NAMESPACES, Spec
from tests.conftest import ROOT, needs_root, needs_user_namespaces


def test_root_of_the_machine_needs_no_user_namespace() -> None:
    kinds = ownership.namespaces(Spec(["true"]))

    assert (Namespace.USER in kinds) is not ownership.may_do_it_alone()
    assert kinds & ~Namespace.USER == NAMESPACES


@needs_root
def test_root_without_the_right_to_mount_needs_one() -> None:
    """So it is in Docker."""

    def kinds() -> Namespace:
        capabilities.keep_only(capabilities.DEFAULT)
        return ownership.namespaces(Spec(["true"]))

    assert Namespace.USER in in_child(kinds)


@needs_user_namespaces
def test_root_of_another_user_namespace_needs_one() -> None:
    def alone() -> bool:
        idmaps.unshare_as_root(Namespace(0))
        return ownership.may_do_it_alone()

    assert in_child(alone) is False


@pytest.mark.parametrize("kind", [Namespace.MNT, Namespace.UTS, Namespace.PID])
def test_without_some_namespaces_there_is_no_container(kind: Namespace) -> None:
    with pytest.raises(ValueError, match=f"without a {kind} namespace"):
        ownership.namespaces(Spec(["true"], namespaces=NAMESPACES & ~kind))


def test_processes_are_counted_for_all_but_the_first_root() -> None:
    assert ownership.counts_alone(NAMESPACES | Namespace.USER) is not ROOT
    assert ownership.counts_alone(NAMESPACES) is False


@pytest.mark.parametrize("user", ["0", "root"])
def test_root_inside_is_us_outside_and_that_is_all(user: str) -> None:
    assert ownership.id_maps(Spec(["true"], user=user)) == (
        [IdMap(0, os.geteuid())],
        [IdMap(0, os.getegid())],
    )


@needs_root
def test_root_with_users_of_its_own_keeps_the_owners_of_files() -> None:
    spec = Spec(["true"], userns="private", user="7")

    assert Namespace.USER in ownership.namespaces(spec)
    assert ownership.id_maps(spec) == ([ownership.SAME], [ownership.SAME])
