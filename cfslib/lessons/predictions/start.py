"""predictions.start: the questions of notebook 00."""

from cfslib.lessons.predictions import Choice, Question

RENAMED = Question(
    "00-start-here/renamed",
    "Has your machine been renamed?",
    (
        Choice(
            "yes, until the container ends",
            "For as long as it ran, two names existed side by side: the machine's own "
            "was never touched.",
        ),
        Choice(
            "yes, but only for programs that are started from now on",
            "So it is with an environment variable.  The name is kept in the kernel.",
        ),
        Choice(
            "no, the container has a name of its own",
            "Name and machine are two things: the kernel keeps a name for each UTS "
            "namespace, and the container has one of those to itself.",
            right=True,
        ),
    ),
)

LISTED = Question(
    "00-start-here/listed",
    "How many processes does `ps -e` list in a container?",
    (
        Choice(
            "all of the machine, for there is one kernel",
            "There is one kernel, but it shows each process only those in its own PID "
            "namespace and further in.",
        ),
        Choice(
            "one, ps itself",
            "Somebody started it, waits for it, and is there as well: number 1.",
        ),
        Choice(
            "two, of which ps is number 2",
            "Number 1 is cfs, which made all ready and waits for the command to end.",
            right=True,
        ),
    ),
)
