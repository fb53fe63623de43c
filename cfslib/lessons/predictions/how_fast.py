"""predictions.how_fast: the questions of notebook 20."""

from cfslib.lessons.predictions import Choice, Question

FORK = Question(
    "20-how-fast/fork",
    "How long does it take to fork a process and to wait for its end, if the machine "
    "has nothing else to do?",
    (
        Choice(
            "about a microsecond",
            "That is enough for a short system call.  A fork makes a whole process.",
        ),
        Choice(
            "about a millisecond",
            "A fork copies no memory, but it copies the tables that say where it is.  "
            "More than a few milliseconds mean that your machine is busy.",
            right=True,
        ),
        Choice(
            "about a tenth of a second",
            "In that time a machine can start Python several times.",
        ),
    ),
)

NAMESPACE = Question(
    "20-how-fast/namespace",
    "Which of these namespaces takes longest to make, as a rule?",
    (
        Choice("`UTS`, a new host name", "Only a few hundred bytes are copied."),
        Choice(
            "`PID`, new process numbers",
            "The new list is empty, so there is nothing to copy.",
        ),
        Choice(
            "`MNT`, a new tree of mounts",
            "Each mount is copied, so it takes longer where there are many.  But most "
            "machines have a few dozen.",
        ),
        Choice(
            "`NET`, a new network",
            "An interface, routing tables, counters, and a directory full of settings "
            "are all made anew.",
            right=True,
        ),
    ),
)

PROCESSES = Question(
    "20-how-fast/processes",
    "Which of these calls take the most time in all?",
    (
        Choice(
            "`clone` and `posix_spawn`, which make processes",
            "There are only two of them.  But a process is much to make, and its "
            "program has to be loaded.",
            right=True,
        ),
        Choice(
            "`mount`, of which there are some twenty",
            "Each of them is short.  Even together they take less than two processes.",
        ),
        Choice(
            "`pivot_root`, which changes `/`",
            "It exchanges two places in the tree of mounts, and copies nothing.",
        ),
    ),
)

NEW_OR_BIND = Question(
    "20-how-fast/new-or-bind",
    "Which takes longer: to mount a new, empty `tmpfs`, or to show a directory that is "
    "there (`BIND`)?",
    (
        Choice(
            "the new `tmpfs`",
            "A filesystem has to be made.  A bind mount only points at one.",
            right=True,
        ),
        Choice(
            "the bind mount, because there are files in it",
            "It looks at none of them: it only points at the directory.",
        ),
        Choice(
            "both take as long",
            "Both make an entry in the tree of mounts, but a `tmpfs` is made besides.",
        ),
    ),
)

CONTAINER = Question(
    "20-how-fast/container",
    "How long does a container take from this notebook, beside a Python that does "
    "nothing?",
    (
        Choice(
            "about as long, or less",
            "It is a process with namespaces and mounts of its own, made by a Python "
            "that runs already.",
            right=True,
        ),
        Choice(
            "about ten times as long",
            "You have seen its calls: all together they take some milliseconds.",
        ),
        Choice(
            "about a hundred times as long",
            "So it is with a virtual machine, which starts a kernel of its own.",
        ),
    ),
)
