"""peers: other runtimes, each told to make the same container as ours.

As like as its options allow: the same rootfs, namespaces, mounts, masks, capabilities
and limit.  What remains different is said in `differs`, and the whole configuration is
printed with the results.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cfslib.images.host_tools import PATH
from cfslib.isolation import capabilities
from cfslib.isolation.masks import MASKED, READ_ONLY
from tests.bench import oci
from tests.bench.box import PIDS_MAX, ROOT, VOLUME, Box


@dataclass(frozen=True)
class Peer:
    """A runtime, the Debian package that brings it, and how to call it."""

    name: str
    package: str
    words: Callable[[Box, Path, bool], list[str]]  # box, own directory, as root
    differs: str


def _unshare(box: Box, _own: Path, as_root: bool) -> list[str]:
    kinds = ["--mount", "--uts", "--ipc", "--pid", "--cgroup"]
    kinds += ["--net"] if box.network else []
    kinds += [] if as_root else ["--map-root-user"]
    root = [f"--root={box.rootfs}", "--mount-proc", "--kill-child"]
    return ["unshare", *kinds, "--fork", *root, f"/bin/{box.command}"]


def _bwrap(box: Box, _own: Path, as_root: bool) -> list[str]:
    words = ["bwrap", "--unshare-uts", "--unshare-ipc", "--unshare-pid"]
    words += ["--unshare-cgroup", "--hostname", "cfs-container"]
    if not as_root or box.user != ROOT:
        uid, _, gid = box.user.partition(":")
        words += ["--unshare-user", "--uid", uid, "--gid", gid or "0"]
    words += ["--unshare-net"] if box.network else []
    words += ["--die-with-parent", "--new-session", "--clearenv"]
    words += ["--setenv", "PATH", PATH, "--setenv", "HOME", "/root"]
    words += ["--bind", str(box.rootfs), "/", "--proc", "/proc", "--dev", "/dev"]
    words += ["--ro-bind", "/sys", "/sys"] if as_root else []
    for path in masked(as_root):
        hidden = ["--tmpfs"] if os.path.isdir(path) else ["--ro-bind", "/dev/null"]
        words += [*hidden, path]
    for path in filter(os.path.exists, READ_ONLY):
        words += ["--ro-bind", path, path]
    words += ["--bind", str(box.shared), VOLUME] if box.volume else []
    words += ["--cap-drop", "ALL"]
    for capability in sorted(capabilities.DEFAULT):
        words += ["--cap-add", f"CAP_{capability}"]
    return [*words, "--", f"/bin/{box.command}"]


def masked(with_sys: bool) -> list[str]:
    """Return what is covered: what is there, in a container with or without /sys."""
    return [
        path
        for path in MASKED
        if os.path.lexists(path) and (with_sys or not path.startswith("/sys"))
    ]


def _crun(box: Box, own: Path, as_root: bool) -> list[str]:
    oci.write_bundle(own, box, as_root)
    groups = "cgroupfs" if as_root else "disabled"
    words = ["crun", "--root", str(own / "state"), "--cgroup-manager", groups]
    return [*words, "run", "--bundle", str(own), "NAME"]


def _runc(box: Box, own: Path, as_root: bool) -> list[str]:
    oci.write_bundle(own, box, as_root)
    words = ["runc", "--root", str(own / "state")]
    return [*words, "run", "--bundle", str(own), "NAME"]


def _nspawn(box: Box, _own: Path, _as_root: bool) -> list[str]:
    words = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2"]
    words += ["--volatile=overlay", "--machine=cfs-container", "--pipe"]
    words += ["--private-network"] if box.network else []
    for capability in sorted(capabilities.DEFAULT):
        words += [f"--capability=CAP_{capability}"]
    words += [f"--rlimit=NPROC={PIDS_MAX}"]
    return [*words, f"--directory={box.rootfs}", f"/bin/{box.command}"]


def _podman(box: Box, own: Path, as_root: bool) -> list[str]:
    words = ["podman", "--root", str(own / "store"), "--runroot", str(own / "run")]
    words += ["run", "--rm", "--hostname", "cfs-container", "--cap-drop", "ALL"]
    for capability in sorted(capabilities.DEFAULT):
        words += ["--cap-add", str(capability)]
    words += ["--network", "none" if box.network else "host"]
    words += ["--pids-limit", str(PIDS_MAX)] if as_root else ["--cgroups=disabled"]
    words += ["--security-opt", "seccomp=unconfined", "--log-driver", "none"]
    # Its defaults are higher than what root of some virtual machines may ask for.
    words += ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]
    words += ["--volume", f"{box.shared}:{VOLUME}"] if box.volume else []
    words += ["--user", box.user] if box.user != ROOT else []
    words += ["--interactive", "--tty"] if box.terminal else []
    layered = ":O" if as_root else ""  # it gives the layer to ids that a user lacks
    return [*words, "--rootfs", f"{box.rootfs}{layered}", f"/bin/{box.command}"]


PEERS = (
    Peer(
        "unshare",
        "util-linux",
        _unshare,
        "chroot, not pivot_root; no layer over the rootfs, no /dev, no /sys, no masks, "
        "all capabilities, no limit, no host name; the command is PID 1",
    ),
    Peer(
        "bwrap",
        "bubblewrap",
        _bwrap,
        "binds the rootfs and the host's /sys, no layer in memory; binds the devices; "
        "no limit of processes; another user only in a user namespace; at a terminal "
        "the command has ours and not one of its own",
    ),
    Peer(
        "crun",
        "crun",
        _crun,
        "no layer over the rootfs; the command is PID 1; no limit for an ordinary user",
    ),
    Peer(
        "runc",
        "runc",
        _runc,
        "no layer over the rootfs; the command is PID 1; no limit for an ordinary user",
    ),
    Peer(
        "systemd-nspawn",
        "systemd-container",
        _nspawn,
        "masks of its own, a seccomp filter, a limit by RLIMIT_NPROC only",
    ),
    Peer(
        "podman",
        "podman",
        _podman,
        "masks of its own; keeps a record of every container; conmon watches over it; "
        "the command is PID 1; no layer over the rootfs for an ordinary user",
    ),
)
