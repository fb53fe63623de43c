"""predictions.network: the questions of notebook 09."""

from cfslib.lessons.predictions import Choice, Question

TO_MYSELF = Question(
    "09-network/to-myself",
    "A process is alone in a new network namespace.  It sends a packet to 127.0.0.1, "
    "which is itself.  What happens?",
    (
        Choice(
            "it is answered, because that takes nobody else",
            "It takes an interface, lo.  There is one, but nobody has brought it up.",
        ),
        Choice(
            "Network is unreachable",
            "lo is down, so not even 127.0.0.1 has a route.",
            right=True,
        ),
        Choice(
            "it is sent, and never answered",
            "For that, the kernel would have to know an interface by which to send it.",
        ),
    ),
)

TWICE = Question(
    "09-network/twice",
    "lo is up.  One echo request to 127.0.0.1, and one answer: how many frames does a "
    "packet socket see?",
    (
        Choice(
            "4",
            "What goes out by lo comes in by lo, and is seen both times.",
            right=True,
        ),
        Choice(
            "2",
            "Two frames were sent.  But on lo, each that goes out comes in again, and "
            "is seen then, too.",
        ),
        Choice(
            "1",
            "The answer is a frame of its own, and each is seen going out and coming "
            "in.",
        ),
        Choice(
            "0",
            "lo is an interface like others: a packet socket sees what passes there.",
        ),
    ),
    typed="number",
    otherwise="A request and an answer pass by lo, each on its way out, and in again.",
)

FIRST = Question(
    "09-network/first",
    "a and b are joined by a new cable.  a sends an echo request to 10.0.0.3, which is "
    "b.  Which frame is the first one?",
    (
        Choice(
            "the echo request",
            "A frame needs the hardware address of who is to get it, and a does not "
            "know that of b yet.",
        ),
        Choice(
            "a question to all: who has 10.0.0.3?",
            "a knows b's address, and not its hardware address, which a frame needs.",
            right=True,
        ),
        Choice(
            "a greeting of b, when its end came up",
            "For IPv6 there is something like that.  For IPv4, nobody speaks unless "
            "asked.",
        ),
    ),
)

ITSELF = Question(
    "09-network/itself",
    "a has the address 10.0.0.2 at eth0, the cable is fine, and lo is down.  a sends "
    "an echo request to 10.0.0.2, which is itself.  What happens?",
    (
        Choice(
            "it is answered, by way of eth0",
            "What is for an own address does not go by the interface that has it.  It "
            "goes by lo.",
        ),
        Choice(
            "no answer",
            "What is for an own address goes by lo, and lo is down.",
            right=True,
        ),
        Choice(
            "it goes to b, and b sends it back",
            "The kernel sees that the address is its own.  It would not leave a.",
        ),
    ),
)

THE_OTHER_END = Question(
    "09-network/the-other-end",
    "The container b ends, and nobody holds its network namespace any more.  What is "
    "left of the cable, in a?",
    (
        Choice(
            "its end, without a carrier",
            "So it is while the other end is down.  But this one is gone, and a pair "
            "has two ends or none.",
        ),
        Choice(
            "nothing",
            "With a namespace go its interfaces, and with one end of a pair the other.",
            right=True,
        ),
        Choice(
            "both ends: that of b moves to the host",
            "Interfaces of hardware do that.  A veth is removed with its namespace.",
        ),
    ),
)

AT_THE_BRIDGE = Question(
    "09-network/at-the-bridge",
    "a sends an echo request to b, over the bridge, for the first time.  What does a "
    "packet socket see at the bridge itself, br0?",
    (
        Choice(
            "all of it: it goes through the bridge",
            "From port to port.  br0 is the host's own end: it gets what is for the "
            "host.",
        ),
        Choice(
            "the question to all, and no more",
            "The host is one of all.  What comes then is for b, and goes to its port.",
            right=True,
        ),
        Choice(
            "nothing: it is for b",
            "The echo request is.  But before it there is a question to all, and the "
            "host is one of them.",
        ),
    ),
)

NO_WAY_BACK = Question(
    "09-network/no-way-back",
    "a has a default route by the host, and the host forwards.  a sends an echo "
    "request to 192.0.2.1, outside.  What happens?",
    (
        Choice(
            "it is answered",
            "It arrives.  But the answer is for 10.0.0.2, and outside nobody knows "
            "where that is.",
        ),
        Choice(
            "it arrives, and the answer does not come back",
            "Outside, nobody knows the way to 10.0.0.2.",
            right=True,
        ),
        Choice(
            "the host drops it",
            "So it does if it does not forward.  Now it does.",
        ),
    ),
)

FROM_WHOM = Question(
    "09-network/from-whom",
    "Now the host masquerades what leaves by `wan`.  a sends an echo request outside.  "
    "From which address does it come, as they see it there?",
    (
        Choice(
            "10.0.0.2",
            "That is what a wrote.  On its way out at `wan` the host writes its own "
            "address in that place.",
        ),
        Choice(
            "10.0.0.1",
            "That is the host, too, but as the containers know it.  It takes the "
            "address of the interface by which the packet leaves.",
        ),
        Choice(
            "192.0.2.2",
            "That is the host's address at `wan`, and there they know the way to it.",
            right=True,
        ),
    ),
)

WHOM_IT_ASKS = Question(
    "09-network/whom-it-asks",
    "The host's /etc/resolv.conf says `nameserver 127.0.0.53`, and a program of the "
    "host answers there.  The container has a copy of the file.  Whom does it ask?",
    (
        Choice(
            "the program of the host",
            "That is at 127.0.0.53 of the host.  In the container, all of 127.0.0.0/8 "
            "is the container.",
        ),
        Choice(
            "itself",
            "127.0.0.53 is the container's own lo, and nobody listens there.",
            right=True,
        ),
        Choice(
            "nobody: there is no such address",
            "All of 127.0.0.0/8 is there as soon as lo is up.",
        ),
    ),
)

NOT_A_WALL = Question(
    "09-network/not-a-wall",
    "The host masquerades.  Outside, somebody adds a route: what is for 10.0.0.2 goes "
    "by 192.0.2.2, which is the host.  They send an echo request to 10.0.0.2.  What "
    "happens?",
    (
        Choice(
            "no answer: masquerading hides a",
            "It changes the sender of what leaves.  It refuses nothing that comes.",
        ),
        Choice(
            "it is answered",
            "The host forwards, whoever asks, and no rule refuses it.",
            right=True,
        ),
        Choice(
            "Network is unreachable",
            "So it would be without a route.  Any neighbour of the host can add one.",
        ),
    ),
)

WHO_CALLS = Question(
    "09-network/who-calls",
    "Somebody outside, 192.0.2.1, connects to the published port.  A process of the "
    "host takes the connection, makes one of its own in the container's network "
    "namespace, to 10.0.0.2, and copies.  Who has called, as the server sees it?",
    (
        Choice(
            "192.0.2.1",
            "That connection ends at the process of the host.  The server sees another "
            "one.",
        ),
        Choice(
            "10.0.0.1",
            "So it would be if the process connected from the host.  Its socket was "
            "made inside.",
        ),
        Choice(
            "10.0.0.2",
            "Who connects to an own address does so from that address.",
            right=True,
        ),
    ),
)
