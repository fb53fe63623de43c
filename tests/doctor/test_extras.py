import os
import resource
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.doctor import extras
from cfslib.doctor.trials import Finding
from cfslib.isolation import idmaps
from cfslib.isolation.cgroups import hierarchies
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.runtime import scope
from tests.conftest import is_alive, wait_until

NOBODY = 65534


def test_a_user_who_may_not_fork_at_all_is_told() -> None:
    def examined() -> Finding:
        if os.geteuid() == 0:
            _become_nobody()
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        return extras.process_limit()

    found = in_child(examined)

    assert found.state == "Resource temporarily unavailable"
    assert found.remedy


def test_limits_that_nobody_delegated_are_a_remark() -> None:
    def examined() -> Finding:
        if os.geteuid() == 0:
            _become_nobody()
        return extras.other_limits()

    found = in_child(examined)

    if "can be limited" not in found.state:
        assert found.remedy
    assert not found.fatal


def test_a_systemd_that_hangs_is_said_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "left"
    program = f"#!/bin/sh\nsleep 60 & echo $! > {left}; wait\n"
    (tmp_path / "systemd-run").write_text(program)
    (tmp_path / "systemd-run").chmod(0o755)
    monkeypatch.setattr(scope, "words", lambda _: [str(tmp_path / "systemd-run")])
    monkeypatch.setattr(hierarchies, "homes", lambda: [Home])
    monkeypatch.setattr(extras, "PATIENCE", 1)

    with pytest.raises(TimeoutError, match="systemd-run gives no answer in 1 s"):
        extras._controllers_in_a_scope()
    pid = int(left.read_text())
    assert wait_until(lambda: not is_alive(pid))


class Home:
    """A tree of version 2, wherever it is."""

    top, version = "/sys/fs/cgroup", 2


def test_ids_that_are_not_ours_are_a_remark() -> None:
    def examined() -> Finding:
        uid, gid = os.getuid(), os.getgid()
        syscalls.unshare(Namespace.USER)
        # Nobody has this id, so /etc/subuid gives it nothing.
        idmaps.write("self", [IdMap(4_000_000, uid)], [IdMap(4_000_000, gid)])
        return extras.user_ids()

    found = in_child(examined)

    assert found.state.startswith("root or")
    assert found.remedy.startswith("sudo ")
    assert not found.fatal


def test_without_newuidmap_the_package_is_named() -> None:
    def examined() -> Finding:
        if os.geteuid() == 0:
            _become_nobody()
        os.environ["PATH"] = "/nowhere"
        return extras.user_ids()

    found = in_child(examined)

    assert "no newuidmap" in found.state
    assert found.remedy


def _become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    syscalls.prctl(syscalls.Prctl.SET_DUMPABLE, 1)  # or /proc/self stays root's
