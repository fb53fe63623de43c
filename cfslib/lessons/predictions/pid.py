"""predictions.pid: the questions of notebook 02."""

from cfslib.lessons.predictions import Choice, Question

PARENT_OF_1 = Question(
    "02-pid/parent-of-1",
    "What does PID 1 get when it asks for its parent's pid?",
    (
        Choice("1, itself", "Nobody is its own parent, here or elsewhere."),
        Choice(
            "the number of its parent on the host",
            "In here that number means somebody else, or nobody: a pid holds only in "
            "its own namespace.",
        ),
        Choice(
            "0",
            "The parent has no number in here.  The kernel says 0: somebody you cannot "
            "see.",
            right=True,
        ),
        Choice("an error", "getppid never fails; see its manual page."),
    ),
)

SIGNALS = Question(
    "02-pid/signals",
    "In the picture below, which process does SIGTERM from outside not end?",
    (
        Choice(
            "plain, which has no handler",
            "For an ordinary process the default of SIGTERM is to end it.",
        ),
        Choice(
            "polite, which has a handler",
            "Its handler ends it.",
        ),
        Choice(
            "first, which is PID 1 and has no handler",
            "The kernel drops what PID 1 has no handler for, but SIGKILL and SIGSTOP "
            "from outside.",
            right=True,
        ),
        Choice(
            "outer, whose child is PID 1 further in",
            "Outer itself is number 5 of its namespace, an ordinary process in there.",
        ),
    ),
)
