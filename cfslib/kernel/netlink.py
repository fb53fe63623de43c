"""netlink: ask the kernel about interfaces, addresses and routes, and change them.

A request is a message on a socket: a header, a struct of the kind of request, and
attributes, each a number with a value.  The kernel answers with a number of an error,
0 for none, or with messages of the same form.

This is no library for netlink: only what a network of containers takes.  `pyroute2` is
one, and importing it takes 600 ms and more, which is twenty times a whole container.

Manual pages: netlink(7), rtnetlink(7).
"""

import _socket
import posix
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

ROUTE, NETFILTER = 0, 12  # NETLINK_... in <linux/netlink.h>
_SOL_NETLINK = 270
_CAP_ACK, _EXT_ACK = 10, 11  # of an error: not our request again, but some words
_ERROR, _DONE = 2, 3  # kinds of answers
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300  # NLM_F_...
_NFTABLES, _BEGIN, _END = 10, 16, 17  # NFNL_... in <linux/netfilter/nfnetlink.h>
_CAPPED, _HAS_WORDS = 0x100, 0x200
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, kind, flags, number, port
_LARGEST = 1 << 16
EXCL, CREATE = 0x200, 0x400  # flags of a request that makes something


class Netlink:
    """A socket by which the network namespace of its maker is asked and changed."""

    def __init__(self, protocol: int = ROUTE) -> None:
        kind = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
        self._socket = _socket.socket(_socket.AF_NETLINK, kind, protocol)
        for option in (_CAP_ACK, _EXT_ACK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._number, self._unsent = 0, b""

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def change(self, what: str, kind: int, body: bytes, flags: int = 0) -> None:
        """Have something changed; `what` names it in the error if that is refused."""
        self._send(kind, _REQUEST | _ACK | flags, body)
        for answer, more, data in self._messages():
            if answer == _ERROR:
                _raise_for(what, data, more)
                return

    def change_rules(self, what: str, kind: int, body: bytes, flags: int = 0) -> None:
        """Have a rule of nftables changed, which takes a beginning and an end.

        All three have one number: who may not do this at all, or has a kernel without
        nftables, hears that about the beginning.
        """
        edge = struct.pack("=BBH", 0, 0, _socket.htons(_NFTABLES))
        self._send(_BEGIN, _REQUEST, edge, more=True)
        wanted = _NFTABLES << 8 | kind
        self._send(wanted, _REQUEST | _ACK | flags, body, more=True, again=True)
        self._send(_END, _REQUEST, edge, again=True)
        for answer, more, data in self._messages():
            if answer == _ERROR:
                _raise_for(what, data, more)
                return

    def each(self, what: str, kind: int, body: bytes) -> "Iterator[bytes]":
        """Yield all that there is of a kind, as struct and attributes."""
        self._send(kind, _REQUEST | _DUMP, body)
        for answer, more, data in self._messages():
            if answer == _DONE:
                return
            if answer == _ERROR:
                _raise_for(what, data, more)
            yield data

    def one(self, what: str, kind: int, body: bytes) -> bytes:
        """Return the answer to a question that has one."""
        self._send(kind, _REQUEST, body)
        answer, more, data = next(self._messages())
        if answer == _ERROR:
            _raise_for(what, data, more)
        return data

    def _send(
        self,
        kind: int,
        flags: int,
        body: bytes,
        more: bool = False,  # to come, before anything is sent
        again: bool = False,  # with the number of the one before
    ) -> None:
        self._number += 0 if again else 1
        length = _HEADER.size + len(body)
        header = _HEADER.pack(length, kind, flags, self._number, 0)
        self._unsent += (header + body).ljust(_whole(length), b"\0")
        if not more:
            self._socket.send(self._unsent)
            self._unsent = b""

    def _messages(self) -> "Iterator[tuple[int, int, bytes]]":
        """Yield kind, flags and content of the messages that answer our last one."""
        while True:
            data = self._socket.recv(_LARGEST)
            while data:
                length, kind, flags, number, _ = _HEADER.unpack_from(data)
                if number == self._number:
                    yield kind, flags, data[_HEADER.size : length]
                data = data[_whole(length) :]


def attribute(number: int, value: "bytes | int | str") -> bytes:
    """Return a value as an attribute: a number has 32 bits, a text ends with NUL."""
    if isinstance(value, int):
        value = struct.pack("=I", value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    length = 4 + len(value)
    return (struct.pack("=HH", length, number) + value).ljust(_whole(length), b"\0")


def attributes(data: bytes) -> "dict[int, bytes]":
    """Return the attributes in some bytes, by number."""
    found = {}
    while len(data) >= 4:
        length, number = struct.unpack_from("=HH", data)
        found[number & 0x3FFF] = data[4:length]  # the other two bits are flags
        data = data[_whole(max(length, 4)) :]
    return found


def _whole(length: int) -> int:
    return (length + 3) & ~3


def _raise_for(what: str, data: bytes, flags: int) -> None:
    """Raise the error that an answer tells of, with the kernel's words about it."""
    (code,) = struct.unpack_from("=i", data)
    if code == 0:
        return
    text = f"{what}: {posix.strerror(-code)}"
    if flags & _HAS_WORDS and flags & _CAPPED:
        words = attributes(data[4 + _HEADER.size :]).get(1, b"")
        text += f" ({words.rstrip(bytes(1)).decode(errors='replace')})" if words else ""
    raise OSError(-code, text)
