"""Meant: for which machine, which kernel and which capabilities a profile is.

>>> rule = {"includes": {"minKernel": "4.8"}}
>>> [is_meant(rule, "rule 0", "x86_64", it, set()) for it in ("4.7", "6.1.0-9")]
[False, True]
"""

from cfslib.isolation.seccomp import calls, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What the format calls our machines and sets of calls; there are others.
ARCHITECTURES = {
    "SCMP_ARCH_X86_64": "x86_64",
    "SCMP_ARCH_X86": "i386",
    "SCMP_ARCH_AARCH64": "aarch64",
    "SCMP_ARCH_RISCV64": "riscv64",
    "SCMP_ARCH_PPC64LE": "ppc64le",
}
_IN_GO = {"x86_64": "amd64", "aarch64": "arm64"}


def is_meant(
    rule: "dict[str, Any]",
    where: str,
    machine: str,
    kernel: str,
    capabilities: "set[str]",
) -> bool:
    """Say if a rule is for this machine, this kernel and these capabilities."""
    yes, no = (
        fields.named(rule.get(it) or {}, where) for it in ("includes", "excludes")
    )
    arch = _IN_GO.get(machine, machine)
    return (
        capabilities.issuperset(fields.words(yes, "caps", where))
        and capabilities.isdisjoint(fields.words(no, "caps", where))
        and arch in (fields.words(yes, "arches", where) or [arch])
        and arch not in fields.words(no, "arches", where)
        and _version(kernel) >= _version(yes.get("minKernel") or "0.0")
        and not ("minKernel" in no and _version(kernel) >= _version(no["minKernel"]))
    )


def sets(text: "dict[str, Any]", machine: str) -> "list[str]":
    """Return the sets of calls that a profile is for; always the machine's own."""
    wanted = fields.words(text, "architectures", "the profile")
    groups = fields.each(text, "archMap", "the profile")
    if wanted and groups:
        raise ValueError("a profile has either architectures or archMap")
    for group in groups:
        group = fields.named(group, "archMap")
        if ARCHITECTURES.get(str(group.get("architecture"))) == machine:
            wanted = fields.words(group, "subArchitectures", "archMap")
    named = {machine, *(ARCHITECTURES.get(name) for name in wanted)}
    return [name for name in calls.SETS.get(machine, ()) if name in named]


def _version(release: str) -> "tuple[int, int]":
    """Return the first two numbers of a kernel's release: (6, 1) of 6.1.0-9-amd64."""
    parts = f"{release}.0".replace("-", ".").split(".")
    if not (parts[0].isdigit() and parts[1].isdigit()):
        raise ValueError(f"minKernel is {release!r}, but not such as 4.8")
    return int(parts[0]), int(parts[1])
