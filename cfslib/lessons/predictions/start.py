"""predictions.start: the questions of notebook 00."""

from cfslib.lessons.predictions import Choice, Question

IN_CHILD = Question(
    "00-start-here/in-child",
    "One number comes from this notebook, one from `in_child(os.getpid)`.  Are they "
    "the same?",
    (
        Choice(
            "yes, the function runs in this notebook",
            "`in_child` makes a new process, and calls the function there.",
        ),
        Choice(
            "yes, a child is a copy of its parent",
            "Nearly all of it is copied, but not the number: that is how the kernel "
            "tells the two apart.",
        ),
        Choice(
            "no, each process has its own number",
            "A child is a copy of its parent, but its number is its own.",
            right=True,
        ),
    ),
)

CONTAINER_NAME = Question(
    "00-start-here/container-name",
    "`hostname` prints the name of the machine.  What does it print in a container?",
    (
        Choice(
            "the name of this machine",
            "It would in an ordinary process.  A container has a name to itself.",
        ),
        Choice(
            "an empty line, because a container has no name",
            "Whoever makes a container gives it a name.  So do we, if you name none.",
        ),
        Choice(
            "a name that this machine does not have",
            "`run` gave it one: `cfs-container`, because the `Spec` names no other.",
            right=True,
        ),
    ),
)

RENAMED = Question(
    "00-start-here/renamed",
    "Has your machine been renamed?",
    (
        Choice(
            "yes, until the container ends",
            "While it ran, there were two names.  Nobody touched the machine's own.",
        ),
        Choice(
            "yes, but only for programs that start from now on",
            "So it is with an environment variable.  The name is kept in the kernel.",
        ),
        Choice(
            "no, the container has a name of its own",
            "The kernel can keep several names.  Which one a process sees is the "
            "subject of the next chapter.",
            right=True,
        ),
    ),
)

LISTED = Question(
    "00-start-here/listed",
    "How many processes does `ps -e` list in a container?",
    (
        Choice(
            "2",
            "`ps` itself is number 2.  Number 1 is `cfs`, which started it and waits "
            "for its end.",
            right=True,
        ),
        Choice("1", "`ps` is not alone: somebody started it, and is in there too."),
        Choice("0", "`ps` is a process itself, so it lists at least one."),
    ),
    typed="number",
    otherwise="There is one kernel, but it shows a container only what runs inside.",
)

WITHOUT_PID = Question(
    "00-start-here/without-pid",
    "The command keeps the other name, but shares its process numbers with the host.  "
    "What does `ps` list?",
    (
        Choice(
            "two processes, as before",
            "Those two had their own numbers.  Now the command is one of the host's.",
        ),
        Choice(
            "all processes of the host",
            "It shares the host's list, so it sees the whole list.",
            right=True,
        ),
        Choice(
            "all of the host, and the name is the host's again too",
            "The list is the host's, but the name is another part: it stays as it was.",
        ),
    ),
)

NO_PROGRAM = Question(
    "00-start-here/no-program",
    "The container has no such program.  What happens?",
    (
        Choice(
            "the host's program runs instead",
            "A container finds only what is below its own `/`.",
        ),
        Choice(
            "`run` returns an exit code that is not 0",
            "In a terminal it is so: `cfs run` ends with 127, as a shell does.  In "
            "Python you get an error: nothing ran whose exit code it could be.",
        ),
        Choice(
            "`run` raises an error",
            "Nothing ran, so there is no exit code.  The error says what was missing.",
            right=True,
        ),
    ),
)
