"""rules: what may pass by a network of ours: a table of nftables, all our own.

A table that is ours alone goes away whole, and no rule of the host's is read, changed
or in need of an order.  The other side of that: where the host's own rules drop what is
forwarded, as Docker and some firewalls have it, ours cannot allow it.

The rules are given to `nft` as text, because it says what it does not like, and where;
netlink says EINVAL.
"""

import errno
import posix

from cfslib.isolation.network import programs
from cfslib.kernel import libc
from cfslib.kernel.netlink import NETFILTER, Netlink, attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.isolation.network.addresses import Net

# In `input`: a container gets answers from the host, finds its router, and may ping it.
# It reaches no server of the host, on whichever of the host's addresses.  An
# advertisement of a router, of which the host would believe all, is not let in either.
# Who claims an address that is not of the network is not heard: conntrack would take
# such a packet for an answer to somebody else.
# In `forward`: no other network of ours, and nothing that comes from outside unasked.
_TABLE = """\
table inet {name}
delete table inet {name}
table inet {name} {{
  chain input {{
    type filter hook input priority -5; policy accept;
    iifname != "{name}" accept
    ip saddr != {net} drop
    ip6 saddr != {{ {near6} }} drop
    ct state established,related accept
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
    ip daddr {router} icmp type echo-request accept
    {ping6}
    reject
  }}
  chain forward {{
    type filter hook forward priority -5; policy accept;
    iifname "{name}" oifname "{name}" accept
    iifname "{name}" ip saddr != {net} drop
    iifname "{name}" {other6} drop
    iifname "{name}" oifname "cfs*" reject
    oifname "{name}" ct state established,related accept
    oifname "{name}" reject
  }}
  chain out {{
    type nat hook postrouting priority 100; policy accept;
    oifname "{name}" accept
    ip saddr {net} masquerade
    {out6}
  }}
}}
"""


_OF_A_LINK = "::, fe80::/10"  # what neighbours say of themselves comes from there
_INET = 1  # NFPROTO_INET
_DEL_TABLE, _TABLE_NAME = 2, 1  # NFT_MSG_..., NFTA_... in <.../nf_tables.h>


def make(name: str, net: "Net", net6: "Net | None") -> None:
    """Have the rules of a network: new ones, or the same again, in one step."""
    ping6, out6, near6, other6 = "", "", _OF_A_LINK, "meta nfproto ipv6"
    if net6:
        near6, other6 = f"{_OF_A_LINK}, {net6}", f"ip6 saddr != {net6}"
        ping6 = f"ip6 daddr {net6.first + 1} icmpv6 type echo-request accept"
        out6 = f"ip6 saddr {net6} masquerade"
    words = {"ping6": ping6, "out6": out6, "near6": near6, "other6": other6}
    _nft(_TABLE.format(name=name, net=net, router=net.first + 1, **words))


def remove(name: str) -> None:
    """Have them no more; none is fine.  To name a table takes no `nft`."""
    body = bytes([_INET, 0, 0, 0]) + attribute(_TABLE_NAME, name)
    try:
        with Netlink(NETFILTER) as socket:
            socket.change_rules(f"nft delete table inet {name}", _DEL_TABLE, body)
    except OSError as error:
        none_at_all = errno.EPROTONOSUPPORT, errno.EOPNOTSUPP
        if error.errno not in (errno.ENOENT, *none_at_all):
            raise  # else there is no such table, or no nftables


def _nft(text: str) -> None:
    """Have `nft` do what a text says."""
    given, said = programs.in_memory(text.encode()), programs.in_memory()
    pid = programs.start([programs.find("nft"), "-f", "-"], [given, said, said])
    status = libc.wait_for(pid)
    posix.close(given)
    answer = programs.read_back(said)
    if status:
        raise OSError(f"nft: {answer or 'it could not be started'}")
