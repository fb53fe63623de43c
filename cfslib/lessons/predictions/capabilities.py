"""predictions.capabilities: the questions of notebook 10."""

from cfslib.lessons.predictions import Choice, Question

ONE_LESS = Question(
    "10-capabilities/one-less",
    "Root gives up SYS_CHROOT, and keeps the other forty.  Then it mounts something, "
    "and then it calls `chroot`.  What does the kernel refuse?",
    (
        Choice(
            "nothing: user 0 may do anything",
            "The kernel does not ask for the number.  It asks for the one right that "
            "a call takes.",
        ),
        Choice(
            "`chroot` alone",
            "One right was given up, and one thing fails.  Mounting takes SYS_ADMIN, "
            "and that is still there.",
            right=True,
        ),
        Choice(
            "both: without all its rights it is no root",
            "Each right stands alone.  To mount takes SYS_ADMIN, and it has that.",
        ),
    ),
)

FOR_NOW = Question(
    "10-capabilities/for-now",
    "A process empties its effective set, and leaves the permitted one as it is.  "
    "Later it wants its rights back.  What does it take?",
    (
        Choice(
            "one call, which is allowed",
            "What is permitted can be made effective at any time.",
            right=True,
        ),
        Choice(
            "another process that has the rights",
            "Nobody can give rights to another process.  And it takes nobody: they are "
            "still permitted.",
        ),
        Choice(
            "it cannot get them back",
            "That is so for what is not permitted any more.  Here only the effective "
            "set is empty.",
        ),
    ),
)

ROOT_AGAIN = Question(
    "10-capabilities/root-again",
    "Root gives up everything: its effective and its permitted set are empty.  Then it "
    "starts `cat`.  How many rights does `cat` have?",
    (
        Choice(
            "none",
            "So it is for any other user.  But it is user 0 that starts a program, and "
            "then the kernel fills the sets anew.",
        ),
        Choice(
            "all",
            "It is still user 0.  A program that root starts gets all that is within "
            "bounds.",
            right=True,
        ),
        Choice(
            "those that are inheritable: none",
            "That would be so without root's uid.  With it, the bounding set is what "
            "counts.",
        ),
    ),
)

BOUNDS = Question(
    "10-capabilities/bounds",
    "Root takes KILL out of its bounding set, and does nothing else.  Then it starts "
    "`cat`.  Who has KILL?",
    (
        Choice(
            "neither of the two",
            "The bounding set counts at exec.  What a process has already, it keeps.",
        ),
        Choice(
            "root has it, and `cat` has not",
            "Bounds are about what an exec can give.  What one has already stays.",
            right=True,
        ),
        Choice(
            "both have it",
            "`cat` gets what is within bounds, and KILL is not any more.",
        ),
    ),
)

ANOTHER_USER = Question(
    "10-capabilities/another-user",
    "User 1000 has all rights, effective and permitted, and starts `cat`.  How many "
    "rights does `cat` have?",
    (
        Choice(
            "all",
            "A fork passes everything on.  An exec by another user than root passes on "
            "what is ambient, and nothing is.",
        ),
        Choice(
            "none",
            "The user is not root, the file has no rights, and nothing is ambient.",
            right=True,
        ),
        Choice(
            "all that is within bounds",
            "So it is for user 0 alone.",
        ),
    ),
)

INHERITABLE = Question(
    "10-capabilities/inheritable",
    "User 1000 makes CHOWN inheritable, and then starts `cat`.  Does `cat` have CHOWN?",
    (
        Choice(
            "yes, it has inherited it",
            "The name promises more than it holds: it counts only if the file of the "
            "program has CHOWN inheritable, too.  Hardly any file has.",
        ),
        Choice(
            "no",
            "Inheritable counts only if the file of the program says the same.  What "
            "comes along without that is the ambient set.",
            right=True,
        ),
    ),
)

SET_UID = Question(
    "10-capabilities/set-uid",
    "Root becomes user 1000 with `setresuid`, for good.  It has not touched its sets.  "
    "What is left in the permitted one?",
    (
        Choice(
            "all: nobody has taken it away",
            "The kernel does.  When the last of the three uids stops being root's, it "
            "empties the sets.",
        ),
        Choice(
            "nothing",
            "When the last of the three uids stops being root's, the kernel empties "
            "the effective and the permitted set.",
            right=True,
        ),
        Choice(
            "all, but nothing is effective",
            "So it is after `seteuid`, because then a uid of root's is left to go back "
            "to.",
        ),
    ),
)

OF_A_FILE = Question(
    "10-capabilities/of-a-file",
    "A file has CHOWN as a right of its own, and gives it to those who start it.  "
    "Somebody appends a byte to the file.  What does it give then?",
    (
        Choice(
            "CHOWN, because nobody has changed its rights",
            "Then whoever may write to the file could put a program of their own into "
            "it, and have the right.",
        ),
        Choice(
            "nothing",
            "Who writes to a file could make another program of it.  So the kernel "
            "takes its rights away.",
            right=True,
        ),
        Choice(
            "the program is refused: the file has been changed",
            "It runs as any other program.  It only has no right any more.",
        ),
    ),
)

NO_MORE = Question(
    "10-capabilities/no-more",
    "User 1000 has no right, and sets no_new_privs.  Then it starts the program whose "
    "file has CHOWN.  What happens?",
    (
        Choice(
            "the exec is refused",
            "Then half of the programs of a machine would not start any more.  They "
            "start, without the right.",
        ),
        Choice(
            "the program runs, without CHOWN",
            "An exec gives nothing that was not permitted before, be it by a file or "
            "by a setuid bit.",
            right=True,
        ),
        Choice(
            "the program runs, with CHOWN: the right is the file's",
            "That is just what the bit is for: what a file says does not count.",
        ),
    ),
)

IN_SILENCE = Question(
    "10-capabilities/in-silence",
    "Without FSETID, root makes a file set-group-ID, for a group that it is not in.  "
    "What does `chmod` answer?",
    (
        Choice(
            "Operation not permitted",
            "One would think so.  But of the twelve rights, this one is missed in "
            "silence.",
        ),
        Choice(
            "nothing, and the bit is set",
            "Then any owner of a file could make programs for groups of others.",
        ),
        Choice(
            "nothing, and the bit is not set",
            "The mode is changed, but for this bit.  Only who looks at it knows.",
            right=True,
        ),
    ),
)
