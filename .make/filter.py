"""Write the filters that containers have, compiled for each kind of machine.

python .make/filter.py > cfslib/isolation/seccomp/compiled.py
"""

from collections.abc import Iterator

from cfslib.isolation.seccomp import calls, default

HEAD = '''\
"""Compiled: the filters of `default`, as the kernel takes them.

Written by `.make/filter.py`.  `bpf.listing(bpf.unpack(PROGRAMS["x86_64"]))` shows it.
"""

# fmt: off'''
INSTRUCTIONS = 4  # a line


def text() -> str:
    """Return the module."""
    kept = {machine: default.kept(machine) for machine in calls.SETS}
    alone = {machine: default.alone(machine) for machine in calls.SETS}
    lines = [
        HEAD,
        *_programs("PROGRAMS", {machine: kept[machine][0] for machine in kept}),
        "# Besides, for one without a network.",
        *_programs("ALONE", alone),
        "# Which answers become ALLOW, by the capability that does it.",
        "OPENED = {",
    ]
    for machine, (_, opened) in kept.items():
        lines += [f'    "{machine}": {{', *map(_places, opened.items()), "    },"]
    return "\n".join([*lines, "}", ""])


def _programs(name: str, programs: dict[str, bytes]) -> Iterator[str]:
    yield f"{name} = {{"
    for machine, program in programs.items():
        yield from (f'    "{machine}": bytes.fromhex("""', *_hex(program), '    """),')
    yield "}"


def _hex(program: bytes) -> list[str]:
    words = [program[at : at + 8].hex() for at in range(0, len(program), 8)]
    rows = range(0, len(words), INSTRUCTIONS)
    return [f"        {' '.join(words[at : at + INSTRUCTIONS])}" for at in rows]


def _places(one: tuple[int, list[int]]) -> str:
    capability, places = one
    return f"        {int(capability)}: {tuple(places)},  # {capability}"


if __name__ == "__main__":
    print(text(), end="")
