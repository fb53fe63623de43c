"""masquerade: what leaves by an interface says that the router has sent it.

The same as `nft add rule ip NAME out oif INTERFACE masquerade`, without that program:
a table, a chain of the kind nat that is asked after routing, and a rule of three
expressions.  Which interface is it?  Is it that one?  Then masquerade.

Manual pages: nft(8), netlink(7); the numbers are from <linux/netfilter/nf_tables.h>.
"""

import struct

from cfslib.kernel.netlink import CREATE, NETFILTER, Netlink, attribute

NAME = "lesson"
_IPV4, _POSTROUTING, _AFTER_ROUTING = 2, 4, 100  # NFPROTO_, NF_INET_, NF_IP_PRI_NAT_SRC
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = 0, 3, 6  # NFT_MSG_...
_APPEND = 0x800  # NLM_F_APPEND
_NESTED = 0x8000  # NLA_F_NESTED
_OIF, _REGISTER = 5, 1  # NFT_META_OIF: the number of the interface; NFT_REG_1


def masquerade(index: int) -> None:
    """Have all that leaves by this interface say that we have sent it."""
    head = bytes([_IPV4, 0, 0, 0])
    chain = attribute(1, NAME) + attribute(3, "out") + attribute(7, "nat")
    hook = attribute(1, _big(_POSTROUTING)) + attribute(2, _big(_AFTER_ROUTING))
    rule = attribute(1, NAME) + attribute(2, "out")
    with Netlink(NETFILTER) as asked:
        for what, kind, body in (
            (f"nft add table ip {NAME}", _NEW_TABLE, attribute(1, NAME)),
            ("nft add chain", _NEW_CHAIN, chain + _nested(4, hook)),
            ("nft add rule", _NEW_RULE, rule + _nested(4, _expressions(index))),
        ):
            flags = CREATE | (_APPEND if kind == _NEW_RULE else 0)
            asked.change_rules(what, kind, head + body, flags)


def _expressions(index: int) -> bytes:
    load = attribute(1, _big(_REGISTER)) + attribute(2, _big(_OIF))
    value = _nested(3, attribute(1, struct.pack("=I", index)))
    equal = attribute(1, _big(_REGISTER)) + attribute(2, _big(0)) + value
    return _expression("meta", load) + _expression("cmp", equal) + _expression("masq")


def _expression(name: str, data: bytes = b"") -> bytes:
    return _nested(1, attribute(1, name) + _nested(2, data))


def _nested(number: int, parts: bytes) -> bytes:
    return attribute(number | _NESTED, parts)


def _big(number: int) -> bytes:
    return struct.pack("!I", number)
