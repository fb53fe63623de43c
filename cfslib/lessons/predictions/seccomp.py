"""predictions.seccomp: the questions of notebook 11."""

from cfslib.lessons.predictions import Choice, Question

NO_RIGHTS = Question(
    "11-seccomp/no-rights",
    "A process without any capability wants to set the filter for itself.  What does "
    "the kernel say?",
    (
        Choice(
            "yes, because it only takes rights away from itself",
            "From itself, and from what it starts.  That may be a program like `su`, "
            "which would run as root and get false answers.",
        ),
        Choice(
            "no: Permission denied",
            "It could start `su`, which would be root and get wrong answers.",
            right=True,
        ),
        Choice(
            "yes, but the filter counts only when it is root",
            "A filter counts for each call of the process, whoever it is.",
        ),
    ),
)

PARENT = Question(
    "11-seccomp/parent",
    "The same filter, for `getppid` in place of `uname`.  Its manual page says that "
    "this call is always successful.  What does `os.getppid()` do?",
    (
        Choice(
            "it raises PermissionError",
            "To raise, Python would have to look for an error.  The manual page says "
            "that there is none, so it does not look.",
        ),
        Choice(
            "it returns -1",
            "That is how the C library says that a call failed.  Python takes it for a "
            "pid, because this call cannot fail.",
            right=True,
        ),
        Choice(
            "it returns the pid of the parent, because the call cannot fail",
            "The kernel would not fail.  It was not asked: the filter has answered.",
        ),
    ),
)

SUCCESS = Question(
    "11-seccomp/success",
    "The filter answers `sethostname` with errno 0.  A process calls "
    '`sethostname("castle")`.  What comes of it?',
    (
        Choice(
            "an error that says Success",
            "0 stands for no error, so there is none to raise.",
        ),
        Choice(
            "no error, and the machine has a new name",
            "With ERRNO, whatever the number, the kernel does not make the call.",
        ),
        Choice(
            "no error, and the name is as before",
            "The call is not made, and the process is told that it was.",
            right=True,
        ),
    ),
)

OTHER_NUMBERS = Question(
    "11-seccomp/other-numbers",
    "A filter refuses the number of `mount`, and does not look at the architecture.  A "
    "program of 32 bits calls its `mount`, which has another number.  What does the "
    "filter say?",
    (
        Choice(
            "ALLOW",
            "It compares numbers, and 21 is not the number that it looks for.",
            right=True,
        ),
        Choice(
            "ERRNO, because it is a mount",
            "The filter does not know of mounts.  It has a number, and compares it.",
        ),
        Choice(
            "KILL, because the architecture is a wrong one",
            "Nobody but the filter looks at the architecture, and this one does not.",
        ),
    ),
)

STRICTEST = Question(
    "11-seccomp/strictest",
    "A process sets a filter that refuses `getppid`.  Then it sets a second one, which "
    "allows everything.  What does `os.getppid()` return?",
    (
        Choice(
            "-1",
            "Both are run, and the strictest answer counts.",
            right=True,
        ),
        Choice(
            "the pid of the parent, because the newest filter counts",
            "All filters are run, each time.  If the newest could allow what an older "
            "one refuses, a filter would be no wall.",
        ),
    ),
)

NOBODY = Question(
    "11-seccomp/nobody",
    "The filter says USER_NOTIF: another process shall answer.  There is no other "
    "process.  What happens to the call?",
    (
        Choice(
            "it waits for ever",
            "It would wait for whoever had the listener.  Here nobody has it.",
        ),
        Choice(
            "the kernel makes it",
            "Then whoever ends the supervisor would open the wall.",
        ),
        Choice(
            "it fails: Function not implemented",
            "The kernel says ENOSYS, as for a call that it does not have.",
            right=True,
        ),
    ),
)

POINTER = Question(
    "11-seccomp/pointer",
    "A supervisor reads the path that a process wants to open.  It reads `good`, and "
    "lets the kernel make the call.  Meanwhile the memory changes, and there stands "
    "`evil`.  Which file is opened?",
    (
        Choice(
            "good, because that is what was asked",
            "What was asked is a number: an address.  The kernel goes there when it "
            "makes the call, and that is later.",
        ),
        Choice(
            "evil",
            "The kernel reads the path when it makes the call, after the supervisor.",
            right=True,
        ),
        Choice(
            "none, because the kernel notices the change",
            "The kernel does not remember what others have read.",
        ),
    ),
)
