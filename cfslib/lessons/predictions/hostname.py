"""predictions.hostname: the questions of notebook 01."""

from cfslib.lessons.predictions import Choice, Question

NEW_IN_A_CHILD = Question(
    "01-hostname/new-in-a-child",
    "A child starts as a copy of its parent. How many of its eight namespaces are new?",
    (
        Choice(
            "0",
            "A child inherits them all.  A new one comes only when somebody asks.",
            right=True,
        ),
        Choice("1", "It has a pid of its own, but in the PID namespace of its parent."),
        Choice("8", "Then each program that you start would see another machine."),
    ),
    typed="number",
    otherwise="Nobody has asked for a new one: `in_child` only forks.",
)

SET_THE_NAME = Question(
    "01-hostname/set-the-name",
    "An ordinary user calls `sethostname`. What does the kernel do?",
    (
        Choice(
            "it renames the machine, for everybody",
            "That is what it does for root.",
        ),
        Choice(
            "it renames the machine, for this process alone",
            "It could if the process had a name of its own.  It has not, so far.",
        ),
        Choice(
            "it refuses",
            "The name belongs to everybody, so only root of the whole machine may.",
            right=True,
        ),
    ),
)

PRIVATE_COPY = Question(
    "01-hostname/private-copy",
    "A private copy of the name disturbs nobody else. May an ordinary user have one?",
    (
        Choice(
            "yes, it disturbs nobody",
            "It could deceive a program with more rights than you, such as sudo, that "
            "you start in it.",
        ),
        Choice(
            "no, that takes the rights of root as well",
            "`unshare(UTS)` takes CAP_SYS_ADMIN.  The next section says why.",
            right=True,
        ),
        Choice(
            "yes, but the copy cannot be changed",
            "There is no such rule, and a copy like that would be of little use.",
        ),
    ),
)

WITH_A_TICKET = Question(
    "01-hostname/with-a-ticket",
    "The same user asks for `USER` and `UTS` in one call, then sets the name. Who is "
    "called `inside` now?",
    (
        Choice(
            "the child alone",
            "It has a UTS namespace of its own, and rights over it.",
            right=True,
        ),
        Choice(
            "the child and this notebook",
            "The notebook is in the old UTS namespace, which has its own name.",
        ),
        Choice(
            "nobody: it is refused as well",
            "It would be without `USER`, as you have just seen.",
        ),
    ),
)

ROOT_WITHOUT_UTS = Question(
    "01-hostname/root-without-uts",
    "Now only the ticket, without the UTS namespace. The child is root inside. May it "
    "set the host name?",
    (
        Choice(
            "yes, it has every right there is",
            "It has every right over what belongs to its user namespace, and the name "
            "does not.",
        ),
        Choice(
            "yes, but only those in its user namespace see the new name",
            "Who sees a name depends on the UTS namespace alone, and that is shared.",
        ),
        Choice(
            "no, the name belongs to another user namespace",
            "The name that it sees is owned by the host's user namespace.",
            right=True,
        ),
    ),
)

HOW_MANY_CALLS = Question(
    "01-hostname/how-many-calls",
    "`unshare_as_root(UTS)`, then `sethostname`. How many calls does the trace show?",
    (
        Choice(
            "2",
            "Two are what you wrote.  `unshare_as_root` also writes down who is who.",
        ),
        Choice(
            "3",
            "User ids have a map, and group ids have another.",
        ),
        Choice(
            "4",
            "Before the map of group ids, the kernel wants `deny` in setgroups.",
        ),
        Choice(
            "5",
            "One unshare, three lines that say who is who, and the name.",
            right=True,
        ),
    ),
    typed="number",
    otherwise="Two calls are what you wrote.  `unshare_as_root` also writes files.",
)

NEIGHBOUR = Question(
    "01-hostname/neighbour",
    "How many of its eight namespaces does the neighbour not share with us?",
    (
        Choice("0", "It took a host name of its own, and so left ours."),
        Choice("1", "`unshare_as_root` takes the ticket as well, whoever calls it."),
        Choice("2", "UTS, and the user namespace that made it possible.", right=True),
        Choice("8", "That would be a container.  This one asked for a name only."),
    ),
    typed="number",
    otherwise="Count what it asked for, and what that takes for an ordinary user.",
)

KNOCK = Question(
    "01-hostname/knock",
    "An ordinary user wants to move into the neighbour's UTS namespace. Both processes "
    "belong to the same user. Is it let in?",
    (
        Choice(
            "yes, both belong to the same user",
            "For a signal that would be enough.  For a namespace it is not.",
        ),
        Choice(
            "yes, and the neighbour has to leave",
            "Any number of processes can be in a namespace.",
        ),
        Choice(
            "no",
            "It lacks CAP_SYS_ADMIN in the user namespace in which it is.",
            right=True,
        ),
    ),
)

STILL_SHARED = Question(
    "01-hostname/still-shared",
    "We start a container. Which of these does it share with this notebook?",
    (
        Choice(
            "the list of mounts",
            "It has other files at `/`, and so mounts of its own.",
        ),
        Choice(
            "the host name",
            "It has a UTS namespace of its own, with a name in it.",
        ),
        Choice("the numbers of processes", "In there, counting starts at 1 again."),
        Choice(
            "the network",
            "Nobody asked for a network namespace, so it has the host's interfaces.",
            right=True,
        ),
    ),
)

WITHOUT_UTS = Question(
    "01-hostname/without-uts",
    "A container gets all but its UTS namespace. What does `hostname` print in it?",
    (
        Choice(
            "the host's name",
            "It is in the UTS namespace of everybody, and so it sees their name.",
            right=True,
        ),
        Choice(
            "`cfs-container`",
            "That name stands in a UTS namespace, and this time there is no new one.",
        ),
        Choice(
            "nothing: it has no name",
            "Every process is in some UTS namespace, if not in its own then in ours.",
        ),
    ),
)
