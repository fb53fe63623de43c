"""predictions.cfs_run: the questions of notebook 05."""

from cfslib.lessons.predictions import Choice, Question

LONGEST = Question(
    "05-cfs-run/longest",
    "Which of the calls that make a container takes longest, as a rule?",
    (
        Choice(
            "pivot_root, for it moves a whole tree of files",
            "It moves no file.  It changes two entries in the mount table.",
        ),
        Choice(
            "one that makes a process: clone or posix_spawn",
            "A process has to be copied or a program loaded; the rest changes a few "
            "entries in tables of the kernel's.",
            right=True,
        ),
        Choice(
            "the mount of the layer, for it copies the rootfs",
            "Nothing is copied.  A file is, on the day that somebody writes to it.",
        ),
    ),
)

AT_THE_LIMIT = Question(
    "05-cfs-run/at-the-limit",
    "A container is at pids.max and forks once more.  What does the kernel do?",
    (
        Choice(
            "it kills the process that asked",
            "That is what happens at memory.max, where there is nobody to say no to.",
        ),
        Choice(
            "it lets the process wait until another one ends",
            "fork never waits for room; a program could then hang for ever.",
        ),
        Choice(
            "it answers EAGAIN",
            "The caller hears no and may go on; most shells give up.",
            right=True,
        ),
    ),
)
