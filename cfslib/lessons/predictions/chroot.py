"""predictions.chroot: the questions of notebook 04."""

from cfslib.lessons.predictions import Choice, Question

LS_ALONE = Question(
    "04-chroot/ls-alone",
    "In the rootfs is nothing but `/bin/ls`.  A child makes it its root and starts "
    "`/bin/ls`.  What happens?",
    (
        Choice(
            "it runs, and prints bin",
            "It would if it were static: a program with all its libraries in one file.",
        ),
        Choice(
            "No such file or directory, though the file is there",
            "The file that is missing is another one, which ls names: its loader.",
            right=True,
        ),
        Choice(
            "Permission denied, for it was copied by an ordinary user",
            "Who copied a file does not matter.  It is executable, and that is enough.",
        ),
    ),
)

SORT_TOO = Question(
    "04-chroot/sort-too",
    "The rootfs was built for sh, cat and ls.  How much is missing for `sort` to run?",
    (
        Choice(
            "the program and all its libraries",
            "They would be, in an empty directory.  Here others needed some before.",
        ),
        Choice(
            "the program, and perhaps a library that only it needs",
            "The loader and the C library are shared by nearly all programs.",
            right=True,
        ),
        Choice(
            "nothing, cat and ls bring it along",
            "Each program is a file of its own.  Only in busybox they are all in one.",
        ),
    ),
)
