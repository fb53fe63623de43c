"""oci: our container in the words of the OCI runtime specification.

For crun and runc.  Their rootfs is the directory itself, writable, because a layer in
memory over it is not theirs to make; that spares them two mounts.
"""

import json
import os
from pathlib import Path
from typing import Any

from cfslib.isolation import capabilities
from cfslib.isolation.limits import Limits
from cfslib.isolation.masks import MASKED, READ_ONLY
from tests.bench.box import VOLUME, Box

Json = dict[str, object]
INERT = ["nosuid", "nodev", "noexec"]


def write_bundle(directory: Path, box: Box, as_root: bool) -> None:
    """Write config.json into a bundle's directory."""
    text = json.dumps(configuration(box, as_root), indent=2)
    (directory / "config.json").write_text(text)


def configuration(box: Box, as_root: bool) -> Json:
    """Return config.json for the same container as ours."""
    return {
        "ociVersion": "1.0.2",
        "hostname": box.spec().hostname,
        "root": {"path": str(box.rootfs), "readonly": False},
        "process": _process(box),
        "mounts": _mounts(box, as_root),
        "linux": _linux(box, as_root),
    }


def difference(new: Any, old: Any) -> Any:
    """Return the parts of one configuration that another one lacks."""
    if isinstance(new, dict) and isinstance(old, dict):
        changed = {name: part for name, part in new.items() if old.get(name) != part}
        return {name: difference(part, old.get(name)) for name, part in changed.items()}
    if isinstance(new, list) and isinstance(old, list):
        return [part for part in new if part not in old]
    return new


def _process(box: Box) -> Json:
    kept = [f"CAP_{capability}" for capability in sorted(capabilities.DEFAULT)]
    environment = box.spec().environment()
    uid, gid = _ids(box)
    held = kept if uid == 0 else []  # who is not root could gain some from a file
    return {
        "terminal": box.terminal,
        "user": {"uid": uid, "gid": gid},
        "args": [f"/bin/{box.command}"],
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": "/",
        "capabilities": {"bounding": kept, "effective": held, "permitted": held},
        "noNewPrivileges": False,
    }


def _ids(box: Box) -> tuple[int, int]:
    uid, _, gid = box.user.partition(":")
    return int(uid), int(gid or 0)


def _mounts(box: Box, as_root: bool) -> list[Json]:
    def mount(target: str, fstype: str, *options: str) -> Json:
        words = {"destination": target, "type": fstype, "source": fstype}
        return {**words, "options": list(options)}

    terminals = ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")
    mounts = [
        mount("/proc", "proc", *INERT),
        mount("/dev", "tmpfs", "nosuid", "mode=755", "size=64k"),
        mount("/dev/pts", "devpts", *terminals),
        mount("/dev/shm", "tmpfs", *INERT, "mode=1777", "size=64m"),
    ]
    if as_root:  # else it may not, without a network namespace of its own
        mounts.append(mount("/sys", "sysfs", *INERT, "ro"))
    if box.volume:
        bound = mount(VOLUME, "bind", "rbind", "nosuid", "nodev")
        mounts.append({**bound, "source": str(box.shared)})
    return mounts


def _linux(box: Box, as_root: bool) -> Json:
    kinds = ["mount", "uts", "ipc", "pid", "cgroup"]
    kinds += ["network"] if box.network else []
    linux: Json = {"maskedPaths": list(MASKED), "readonlyPaths": list(READ_ONLY)}
    # RLIMIT_NPROC instead of a cgroup would count all that the user has on the host:
    # it is set before there is a user namespace.
    if as_root:
        linux["resources"] = {"pids": {"limit": Limits().pids_max}}
    else:
        kinds.append("user")
        uid, gid = _ids(box)
        for name, *ids in (("uid", uid, os.geteuid()), ("gid", gid, os.getegid())):
            one = dict(zip(("containerID", "hostID"), ids, strict=True))
            linux[f"{name}Mappings"] = [{**one, "size": 1}]
    linux["namespaces"] = [{"type": kind} for kind in kinds]
    return linux
