"""network: the options of `cfs run` that say whom it may reach, and who reaches it.

Most containers have the network of the host, so nothing is imported before it is known
that another one is meant.
"""

import sys

from cfslib.cli.parser import Option, Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cfslib.cli.parser import Values

KNOWN = ("host", "none", "bridge")
CONTAINER = "container:"
LONGEST = 11  # letters of a name: the name of an interface has four more at most


def options() -> "tuple[Option, ...]":
    """Return the options that say whom it may reach, and who reaches it."""
    # fmt: off
    return (
        Option("--network", "", "{host,none,bridge,NAME,container:NAME}", network,
            default="host", help="the host's; none at all; one of our own; the one that"
            " `cfs network create NAME` made; or that of a container that runs"
            " (default: host)"),
        Option("--publish", "-p", "[IP:]PORT:PORT[/udp]", port,
            many=True, help="have a port of the host, by default of 127.0.0.1, lead to"
            " one inside, or as many as in 8000-8009:80-89; may be repeated"),
        Option("--dns", "", "IP", address, many=True,
            help="ask this nameserver, not the host's; may be repeated"),
        Option("--add-host", "", "NAME:IP", host, many=True,
            help="a line for /etc/hosts; may be repeated"),
    )
    # fmt: on


def network(text: str) -> str:
    """Take a word for a network, or the name of one."""
    if text.startswith(CONTAINER) and text != CONTAINER:
        return text  # whose it is, is looked up when the network is needed
    return text if text in KNOWN else name(text)


def name(text: str) -> str:
    """Check the name of a network, of which that of an interface is made."""
    plain = text.replace("-", "").replace("_", "")
    is_plain = plain.isascii() and plain.isalnum() and plain == plain.lower()
    if not is_plain or len(text) > LONGEST or not text[0].isalnum():
        raise Usage(
            f"a network has 1 to {LONGEST} lower case letters, digits, - or _: {text!r}"
        )
    return text


def port(text: str) -> str:
    """Check what is to be published."""
    from cfslib.isolation.network import ports

    _check(ports.read, text)
    return text


def address(text: str) -> str:
    """Check an address."""
    from cfslib.isolation.network.addresses import Address

    _check(Address.read, text)
    return text


def host(text: str) -> str:
    """Check NAME:IP; the address may be of IPv6, in brackets or not."""
    name, _, ip = text.partition(":")
    ip = ip[1:-1] if ip[:1] == "[" and ip[-1:] == "]" else ip
    if not name or not all(letter.isalnum() or letter in "-._" for letter in name):
        raise Usage(f"not NAME:IP: {text!r}")
    return f"{name}:{address(ip)}"


def parts(typed: "Values") -> "dict[str, Any]":
    """Return the parts of a `Spec` about the network; say what it will not do."""
    network = typed["--network"]
    if typed["--publish"] and network in ("host", "none"):
        raise Usage(f"--publish: with --network {network} there is nothing to publish")
    if network.startswith(CONTAINER):
        _check_is_shared(typed)
    elif network not in ("host", "none"):
        _say_what_it_cannot_reach()
    return {
        "network": network,
        "publish": typed["--publish"],
        "dns": typed["--dns"],
        "hosts": typed["--add-host"],
    }


def _check_is_shared(typed: "Values") -> None:
    """Refuse what the other container has to say of the network that they share."""
    for option in ("--hostname", "--publish", "--dns", "--add-host"):
        if typed[option]:
            other = typed["--network"].removeprefix(CONTAINER)
            raise Usage(f"{option}: with --network {CONTAINER}{other} it is {other}'s")


def _say_what_it_cannot_reach() -> None:
    from cfslib.isolation.network import bridge, joined

    if not joined.may_have_a_bridge():
        return  # it does what an ordinary program may do
    for setting in bridge.what_forwards_not():
        if "ipv4" in setting:
            print(
                f"cfs: this container reaches nothing outside, because {setting} is 0"
                f"\n  Hint: sysctl -w {setting}=1 makes this machine a router.",
                file=sys.stderr,
            )


def _check(read: "Any", text: str) -> None:
    try:
        read(text)
    except ValueError as error:
        raise Usage(str(error)) from None
