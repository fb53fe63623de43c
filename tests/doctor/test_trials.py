import ctypes
import errno
import platform
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.doctor import obstacles, trials
from cfslib.doctor.trials import Finding
from cfslib.images import cache, host_tools
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.conftest import in_own_mounts, needs_namespaces
from tests.images.conftest import closed_tool


def test_user_namespaces_that_a_limit_forbids_are_found() -> None:
    def examined() -> Finding:
        idmaps.unshare_as_root(Namespace(0))
        syscalls.write("/proc/sys/user/max_user_namespaces", "0")
        return trials.user_namespaces()

    found = in_child(examined)

    assert "user.max_user_namespaces = 0" in found.state
    assert found.remedy == "sudo sysctl -w user.max_user_namespaces=15000"


def test_a_namespace_that_a_limit_forbids_is_found_among_the_others() -> None:
    def examined() -> list[Finding]:
        idmaps.unshare_as_root(Namespace(0))
        syscalls.write("/proc/sys/user/max_uts_namespaces", "0")
        return list(trials.namespaces(idmaps.unshare_as_root))

    allowed, refused = in_child(examined)

    assert "IPC" in allowed.state.split(", ")
    assert "UTS" not in allowed.state.split(", ")
    assert refused.state.startswith("not UTS:")
    assert refused.remedy == "sudo sysctl -w user.max_uts_namespaces=15000"


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="no number for unshare here"
)
def test_a_seccomp_filter_that_forbids_user_namespaces_is_found() -> None:
    def examined() -> Finding:
        _refuse_unshare()
        return trials.user_namespaces()

    found = in_child(examined)

    assert "seccomp" in found.state
    assert "--security-opt seccomp=.docker/seccomp.json" in found.remedy


def test_a_masked_proc_is_found() -> None:
    def examined() -> Finding:
        idmaps.unshare_as_root(Namespace.MNT)
        mounts.keep_private()
        syscalls.mount("/dev/null", "/proc/version", flags=mounts.MountFlag.BIND)
        return trials.proc_inside(idmaps.unshare_as_root)

    found = in_child(examined)

    assert "/proc/version" in found.state
    assert "systempaths=unconfined" in found.remedy or "unmask=ALL" in found.remedy


def test_a_proc_that_is_whole_is_no_obstacle() -> None:
    if obstacles.covered_parts_of_proc():
        pytest.skip("this machine's /proc is masked")

    assert trials.proc_inside(idmaps.unshare_as_root) == Finding(
        "/proc inside", "allowed"
    )


def test_a_layer_is_tried_and_is_gone_afterwards() -> None:
    before = Path("/proc/self/mountinfo").read_text()

    assert trials.layer(idmaps.unshare_as_root) == Finding("overlay", "allowed")
    assert Path("/proc/self/mountinfo").read_text() == before


def test_an_old_kernel_is_a_remark() -> None:
    assert trials.kernel("5.10.0-28-amd64").remedy
    assert not trials.kernel("5.10.0-28-amd64").fatal


@pytest.mark.parametrize(
    ("release", "version"),
    [("5.14", "5.14"), ("6.1.0-13-amd64", "6.1.0"), ("10.0.1+", "10.0.1")],
)
def test_a_kernel_that_has_all_we_use_is_well(release: str, version: str) -> None:
    assert trials.kernel(release) == Finding("kernel", version)


WELL = Finding("a container", "was made, ran `true`, and is gone")


def test_the_container_that_is_tried_is_the_default_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = trials.whole()
    Path(cache.current(), "bin/true").write_bytes(b"")
    second = trials.whole()

    assert first == WELL
    assert second.fatal
    assert second.state.startswith("failed: true: Exec format error")


@needs_namespaces
def test_a_tool_that_we_may_not_read_is_left_out_and_told(tmp_path: Path) -> None:
    cat, closed = host_tools.find("cat"), closed_tool("cat", tmp_path / "closed")
    assert cat

    def examined() -> tuple[Finding, bool]:
        mounts.bind(closed, cat)
        syscalls.capset(0, 0, 0)
        root = Path(cache.current(tmp_path / "cache"))
        return trials.tools(), (root / cat.relative_to("/")).exists()

    told, is_there = in_own_mounts(examined)

    assert trials.tools().remedy == ""
    assert str(cat) in told.state
    assert told.remedy == f"sudo chmod a+r {cat}"
    assert not told.fatal
    assert not is_there


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"")])
def test_a_rootfs_that_lost_files_is_found(
    damage: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not list(trials.losses())
    root = Path(cache.current())
    assert not list(trials.losses())
    program = host_tools.find("env")
    assert program
    damage(Path(f"{root}{program.resolve()}"))
    (found,) = trials.losses()

    assert str(root) in found.state
    assert "/env" in found.state
    assert not found.fatal
    subprocess.run(found.remedy, shell=True, check=True)
    assert trials.whole() == WELL
    assert not list(trials.losses())
    assert cache.current() != str(root)


def test_a_rootfs_that_is_empty_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    root = Path(cache.current())
    shutil.rmtree(root)
    root.mkdir()
    (found,) = trials.losses()

    assert f"{root} is not as it was built: " in found.state


def test_a_cache_that_is_not_ours_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tmp_path.chmod(0o777)
    found = trials.whole()

    assert found.fatal
    assert f"others may write to {tmp_path}" in found.state


def test_nothing_is_made_where_others_could_replace_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o777)

    with pytest.raises(PermissionError, match="others may write") as caught:
        trials.layer(idmaps.unshare_as_root)
    assert "TMPDIR" in caught.value.__notes__[0]


def _refuse_unshare() -> None:
    """Let a seccomp filter answer unshare(2) with EPERM: see seccomp(2)."""
    number = {"x86_64": 272, "aarch64": 97}[platform.machine()]
    load, equal, give = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    allow, refuse = 0x7FFF_0000, 0x0005_0000 | errno.EPERM
    program = [(load, 0, 0, 0), (equal, 0, 1, number), (give, 0, 0, refuse)]
    program.append((give, 0, 0, allow))
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    no_new_privileges, set_seccomp, mode_filter = 38, 22, 2
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0
    assert libc.prctl(set_seccomp, mode_filter, filter_, 0, 0) == 0
