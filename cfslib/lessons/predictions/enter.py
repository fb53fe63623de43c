"""predictions.enter: the questions of notebook 12."""

from cfslib.lessons.predictions import Choice, Question

ORDER = Question(
    "12-enter/order",
    "A process without any right enters the container's MNT first, then its UTS, then "
    "its USER.  How far does it get?",
    (
        Choice(
            "into all three",
            "MNT belongs to the container's user namespace.  Who is not in there yet, "
            "and has no right out here, may not enter it.",
        ),
        Choice(
            "into MNT and UTS; USER comes too late",
            "It does not get that far.  The rights that it takes to enter MNT come "
            "with USER.",
        ),
        Choice(
            "nowhere: the first one is refused",
            "In USER it would have all rights over the others.  It is not there yet.",
            right=True,
        ),
    ),
)

ROOT_AND_CWD = Question(
    "12-enter/root-and-cwd",
    "A process has entered the container's MNT.  It has called neither `chroot` nor "
    "`chdir`.  Where do its paths start?",
    (
        Choice(
            "`/` and `.` are where they were, on the host",
            "Those directories are in the host's table of mounts, and the process has "
            "left that.",
        ),
        Choice(
            "`/` is the container's, and `.` is where it was",
            "Then `.` would be a way back to the host, with no descriptor at all.",
        ),
        Choice(
            "both are at the container's `/`",
            "The kernel sets both: a process with a `.` in another namespace would "
            "have one foot outside.",
            right=True,
        ),
    ),
)

OWN_NUMBER = Question(
    "12-enter/own-number",
    "A process enters MNT and PID and all the others.  Then it asks `/proc/self` for "
    "its own number.  What does it hear?",
    (
        Choice(
            "its number on the host",
            "It still has that.  But `/proc` is the container's now, where host "
            "numbers mean nothing.",
        ),
        Choice(
            "a number of the container's, such as 3",
            "A process never changes its PID namespace.  Only its children are in the "
            "new one.",
        ),
        Choice(
            "No such file or directory",
            "This `/proc` shows the container's processes, and it is none of them.",
            right=True,
        ),
    ),
)

TWICE = Question(
    "12-enter/twice",
    "A process is in the container's USER already.  Now it asks for USER and UTS in "
    "one call.  What comes of it?",
    (
        Choice(
            "it is in UTS, too; for USER there is nothing to do",
            "The kernel refuses to enter the user namespace in which one is: who has "
            "given up rights in there would get them back.",
        ),
        Choice(
            "an error, and it is in UTS all the same",
            "One call is one decision: all of them, or none.",
        ),
        Choice(
            "an error, and it is where it was",
            "Its own USER cannot be entered, and so none of them is.",
            right=True,
        ),
    ),
)

LINK = Question(
    "12-enter/link",
    "In the container, `/tmp/link` is a link to the path of the letter.  At that path "
    "there is a letter here, and another one in there.  We read "
    "`/proc/PID/root/tmp/link`.  Whose letter is it?",
    (
        Choice(
            "the container's, because the link is in there",
            "A link is only text.  It starts with `/`, and that is the root of whoever "
            "reads it.",
        ),
        Choice(
            "the host's",
            "The text of the link starts with `/`, and we, who follow it, have the "
            "host's root.",
            right=True,
        ),
        Choice(
            "none: the kernel refuses a link that leads out",
            "Only if one asks for that, with `openat2`.",
        ),
    ),
)

GROUPS = Question(
    "12-enter/groups",
    "Suppose that a container may have 20 processes.  A process enters all of its "
    "namespaces, CGROUP as well.  Is it counted there?",
    (
        Choice(
            "yes, because it is in the container's CGROUP",
            "That namespace says where the tree of groups seems to start.  In which "
            "group a process is, is another matter.",
        ),
        Choice(
            "no",
            "To see the groups from another place is not to be in one of them.",
            right=True,
        ),
    ),
)

GETCWD = Question(
    "12-enter/getcwd",
    "A process has the host's `/` open, enters, and goes to that descriptor.  As in "
    "04, it is at the host's `/`.  What does `os.getcwd()` say there?",
    (
        Choice(
            "`/`",
            "That is the path of its root, which is the container's.",
        ),
        Choice(
            "the path of the descriptor: `/proc/self/fd/5`",
            "That is the way by which it came, and not where it is.",
        ),
        Choice(
            "No such file or directory",
            "No path leads there from its root, so there is nothing to say.",
            right=True,
        ),
    ),
)

EXE = Question(
    "12-enter/exe",
    "A visitor has come in by hand.  It runs Python, the one of our machine.  A "
    "process of the container opens `/proc/PID/exe` of the visitor.  What does it get?",
    (
        Choice(
            "the container's Python; if it has none, an error",
            "The link shows a path, but the kernel does not follow that.  It goes to "
            "the file itself.",
        ),
        Choice(
            "an error: no path leads to that file any more",
            "It takes no path.  Like `/proc/PID/root`, this link leads straight there.",
        ),
        Choice(
            "the file of the host's Python",
            "Whoever may look at the visitor has the very file that it runs.",
            right=True,
        ),
    ),
)

ONLY_NAMESPACES = Question(
    "12-enter/only-namespaces",
    "`nsenter` enters the container's namespaces, and starts a shell.  Which of these "
    "does that shell have of the container?",
    (
        Choice("its name", "That belongs to UTS, and so it came with it.", right=True),
        Choice(
            "its name and its few rights",
            "In the container's USER it is root, with all rights there are.  To take "
            "some away is nobody's but the runtime's business.",
        ),
        Choice(
            "its name, its few rights, and its filter",
            "A filter is handed down from parent to child, and the shell's parent is "
            "out here.",
        ),
    ),
)

OUR_PROC = Question(
    "12-enter/our-proc",
    "A child of ours enters all of them but MNT, so it has our files and our `/proc`.  "
    "Its own child is in the container's PID.  What does `ls /proc` list there?",
    (
        Choice(
            "the container's processes",
            "It would, with the right `/proc`.  This one is still ours.",
        ),
        Choice(
            "all processes of our machine",
            "It shows the PID namespace of whoever mounted it, whoever reads it.",
            right=True,
        ),
        Choice(
            "no process: it is a `/proc` of another PID namespace",
            "It is, and it shows that one.  `ls` itself is in it, too: with the number "
            "that it has in ours.",
        ),
    ),
)
