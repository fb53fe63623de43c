"""predictions.pid: the questions of notebook 02."""

from cfslib.lessons.predictions import Choice, Question

NUMBER_ONE = Question(
    "02-pid/number-one",
    "A process calls `unshare(PID)`. Then it has a child. Who is number 1?",
    (
        Choice(
            "the process itself",
            "A process keeps its pid for life: others know it by that number.",
        ),
        Choice("its child", "`unshare(PID)` decides where children go.", right=True),
        Choice(
            "both, each in a namespace of its own",
            "Only one new namespace was made, and the caller is not in it.",
        ),
    ),
)

THREE_LEVELS = Question(
    "02-pid/three-levels",
    "Now three levels: each child unshares once more and has a child of its own. The "
    "innermost process has a number on the host, and three more. Which three, from the "
    "outside to the inside?",
    (
        Choice(
            "1, 1, 1",
            "It is the first on the innermost level only.  On the others somebody was "
            "there before.",
        ),
        Choice(
            "1, 2, 3",
            "The other way round: outside there are more processes to count.",
        ),
        Choice(
            "3, 2, 1",
            "Third on the first level, second on the next, first on its own.",
            right=True,
        ),
    ),
)

PARENT_OF_1 = Question(
    "02-pid/parent-of-1",
    "PID 1 has a parent: the process that made it, outside. What does PID 1 get when "
    "it asks for its parent's pid?",
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

NOTEBOOK_FROM_INSIDE = Question(
    "02-pid/notebook-from-inside",
    "A PID 1 looks for this notebook, which is outside: in `/proc`, and with `kill`. "
    "Signal 0 only asks if there is such a process. What does it find?",
    (
        Choice(
            "it is in /proc, and kill finds it",
            "`kill` looks the number up in the namespace of the caller, and there it "
            "is nobody's.",
        ),
        Choice(
            "it is in /proc, but for kill there is no such process",
            "Two lists are asked: the one of whoever mounted `/proc`, and our own.",
            right=True,
        ),
        Choice(
            "it is not in /proc, and for kill there is no such process",
            "So it will be, with a `/proc` that was mounted in here.  This one is the "
            "host's.",
        ),
    ),
)

OWN_PROC = Question(
    "02-pid/own-proc",
    "The same with a `/proc` of its own. How many processes does `ps` list now?",
    (
        Choice("1", "`ps` is a process too, and lists itself."),
        Choice("2", "PID 1, and `ps` itself.", right=True),
        Choice("0", "There is always somebody: whoever asks."),
    ),
    typed="number",
    otherwise="This `/proc` shows nobody who is outside.",
)

ZOMBIE = Question(
    "02-pid/zombie",
    "A child has ended with exit code 7, and nobody has waited for it. Now it gets "
    "SIGKILL. What comes of it?",
    (
        Choice(
            "it is gone",
            "It was dead already.  Only its parent takes it away.",
        ),
        Choice(
            "nothing, it is still a zombie",
            "Nobody can kill what is dead.",
            right=True,
        ),
        Choice(
            "an error: there is no such process",
            "Its line is still in the kernel's table, and its number is taken.",
        ),
    ),
)

ORPHAN = Question(
    "02-pid/orphan",
    "PID 1 forks once. Its child forks too, and ends at once. The grandchild lives a "
    "little longer. PID 1 calls `wait` until that fails. How many does it reap?",
    (
        Choice("0", "The child that it forked is its own, and waits to be reaped."),
        Choice("1", "The grandchild lost its parent, and became a child of PID 1."),
        Choice("2", "Once for its child, and once for the orphan.", right=True),
    ),
    typed="number",
    otherwise="Count who ended as a child of PID 1.",
)

KILL_YOURSELF = Question(
    "02-pid/kill-yourself",
    "PID 1 sends itself SIGTERM, then SIGKILL, which no process can catch or ignore. "
    "Then it prints a line. Does PID 1 get that far?",
    (
        Choice(
            "no, SIGTERM ends it",
            "So it is with any other process.  PID 1 has no handler for SIGTERM, so it "
            "never arrives.",
        ),
        Choice(
            "no, SIGKILL ends it",
            "Any other process, yes.  From inside, PID 1 gets not even this one.",
        ),
        Choice("yes", "The kernel drops what PID 1 has no handler for.", right=True),
    ),
)

FROM_OUTSIDE = Question(
    "02-pid/from-outside",
    "Now from outside, by the process that made the namespace: first SIGTERM, then "
    "SIGKILL. Which of them ends PID 1?",
    (
        Choice(
            "SIGTERM",
            "Without a handler it is dropped, wherever it comes from.",
        ),
        Choice(
            "SIGKILL",
            "SIGKILL and SIGSTOP work from outside, whatever PID 1 does.",
            right=True,
        ),
        Choice(
            "neither",
            "Then nobody could ever end a container.",
        ),
    ),
)

PID_1_DIES = Question(
    "02-pid/pid-1-dies",
    "Three sleepers in one namespace: numbers 1, 2 and 3. From outside we kill the "
    "first. What becomes of the other two?",
    (
        Choice(
            "they sleep on",
            "Nobody would take the orphans in there, so the kernel ends them all.",
        ),
        Choice(
            "number 2 becomes number 1",
            "A pid is for life, and PID 1 is no office that somebody could take over.",
        ),
        Choice("the kernel kills them", "A namespace ends with its PID 1.", right=True),
    ),
)

SECOND_CHILD = Question(
    "02-pid/second-child",
    "After its `unshare`, a process has a child, which is PID 1 and ends at once. Then "
    "the process forks again. What number does the second child get?",
    (
        Choice("1", "There was a number 1, and with it the namespace ended."),
        Choice("2", "So it would be if number 1 were still alive."),
        Choice(
            "none: it cannot be born",
            "Its place would be in a namespace that is dead.",
            right=True,
        ),
    ),
)
