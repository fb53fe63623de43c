"""network_commands: `cfs network`: make networks for containers, and look at them."""

import json
from collections.abc import Sequence

from cfslib.cli.network import KNOWN
from cfslib.cli.network import name as checked
from cfslib.cli.parser import Command, Option, parse
from cfslib.isolation.network import bridge, joined
from cfslib.isolation.network.addresses import Net
from cfslib.isolation.network.records import DEFAULT, Network, Records
from cfslib.kernel.netlink import Netlink

NETWORK = Command(
    "cfs network",
    "[-h] ACTION ...",
    least=["ACTION"],
    stops=True,
    about="""\
positional arguments:
  ACTION
    create    make a network, which is there until it is removed
    ls        list the networks that there are
    rm        remove networks that no container uses
    inspect   show what is known about networks, as JSON
    prune     remove all networks that no container uses

The network `bridge` needs none of these: it comes and goes with its containers.""",
)
_CREATE = Command(
    "cfs network create",
    "[-h] [--subnet ADDRESS/BITS] NAME",
    [
        Option(
            "--subnet",
            "",
            "ADDRESS/BITS",
            help="its addresses (default: some to which no route leads here)",
        )
    ],
    least=["NAME"],
    most=1,
    about="positional arguments:\n  NAME",
)
_LS = Command("cfs network ls", "[-h]", most=0)
_RM = Command(
    "cfs network rm",
    "[-h] NAME [NAME ...]",
    least=["NAME"],
    about="positional arguments:\n  NAME",
)
_INSPECT = Command(
    "cfs network inspect",
    "[-h] NAME [NAME ...]",
    least=["NAME"],
    about="positional arguments:\n  NAME",
)
_PRUNE = Command("cfs network prune", "[-h]", most=0)


def create(line: Sequence[str]) -> int:
    """`cfs network create NAME`: make a network, and say its name."""
    typed, (name,) = parse(_CREATE, line)
    checked(name)
    if name in KNOWN:
        raise _CREATE.wrong(f"NAME: {name} is there already")
    _refuse_users()
    bridge.create(name, _subnet(typed["--subnet"]) if typed["--subnet"] else None)
    print(name)
    return 0


def list_networks(line: Sequence[str]) -> int:
    """`cfs network ls`: list the networks that there are."""
    parse(_LS, line)
    rows = [("NAME", "SUBNET", "CONTAINERS")]
    for network, addresses in _all():
        rows.append((network.name, str(network.net), str(len(addresses))))
    for row in rows:
        print(f"{row[0]:<12} {row[1]:<19} {row[2]}")
    return 0


def remove(line: Sequence[str]) -> int:
    """`cfs network rm NAME...`: remove networks that no container uses."""
    _, names = parse(_RM, line)
    _refuse_users()
    for name in names:
        bridge.remove(name)
        print(name)
    return 0


def inspect(line: Sequence[str]) -> int:
    """`cfs network inspect NAME...`: show what is known about networks."""
    _, names = parse(_INSPECT, line)
    known = {network.name: (network, addresses) for network, addresses in _all()}
    for name in names:
        if name not in known:
            raise bridge.no_such(name)
    print(json.dumps([_described(*known[name]) for name in names], indent=4))
    return 0


def prune(line: Sequence[str]) -> int:
    """`cfs network prune`: remove all networks that no container uses.

    So goes what containers have left whose makers were killed.
    """
    parse(_PRUNE, line)
    if joined.may_have_a_bridge():  # else a network ends with its container
        for name in bridge.prune():
            print(name)
    return 0


ACTIONS = {
    "create": create,
    "ls": list_networks,
    "rm": remove,
    "inspect": inspect,
    "prune": prune,
}


def _described(network: Network, addresses: list[str]) -> dict[str, object]:
    return {
        "Name": network.name,
        "Interface": network.link,
        "Subnets": [
            {"Subnet": str(net), "Gateway": str(net.first + 1)}
            for net in (network.net, network.net6)
        ],
        "Containers": addresses,
    }


def _all() -> list[tuple[Network, list[str]]]:
    """Return the networks, each with the addresses of its containers.

    Those of an ordinary user's containers are no networks that others could join.
    """
    if not joined.may_have_a_bridge():
        return []
    with Records() as known, Netlink() as socket:
        bridge.clear_up(known, socket)
        return [
            (network, [str(each) for each in known.in_use(network.name)])
            for network in known.all()
        ]


def _subnet(text: str) -> Net:
    """Read the addresses of a network; it has room for a router and a container."""
    try:
        net = Net.read(text)
    except ValueError as error:
        raise _CREATE.wrong(f"--subnet: {error}") from None
    if len(net.first.packed) != 4 or not 8 <= net.bits <= 29:
        raise _CREATE.wrong(f"--subnet: not of IPv4 with 8 to 29 bits: {text!r}")
    return net


def _refuse_users() -> None:
    if not joined.may_have_a_bridge():
        error = PermissionError("networks are made by root of the machine")
        error.add_note(f"Hint: what an ordinary user has is `--network {DEFAULT}`.")
        raise error
