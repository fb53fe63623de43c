"""predictions.cgroups: the questions of notebook 07."""

from cfslib.lessons.predictions import Choice, Question

NEW_GROUP = Question(
    "07-cgroups/new-group",
    "We make a directory in the tree, by `mkdir`.  What is in it?",
    (
        Choice(
            "nothing, it is new",
            "So it would be on a disk.  Here the kernel fills each directory that is "
            "made.",
        ),
        Choice(
            "files: those of a group",
            "To read one asks the kernel, to write one tells it.  Nobody is in it yet.",
            right=True,
        ),
        Choice(
            "links to the processes that are in it",
            "A new group has none, and later they are numbers in a file: "
            "`cgroup.procs`.",
        ),
    ),
)

ITS_CHILD = Question(
    "07-cgroups/its-child",
    "A process joins the group `mine`, and then has a child.  Who is in it?",
    (
        Choice(
            "the process",
            "Then a container would have to put each process into its group.  A fork "
            "copies the group as well.",
        ),
        Choice(
            "the process and its child",
            "A child begins where its parent is.",
            right=True,
        ),
        Choice(
            "the child: it takes its parent's place",
            "The parent stays where it is.  Each of them counts.",
        ),
    ),
)

RMDIR = Question(
    "07-cgroups/rmdir",
    "A process is in the group, and we call `rmdir`.  What happens?",
    (
        Choice(
            "the group is gone, and the process is ended",
            "`rmdir` ends nobody.  There is another file for that: `cgroup.kill`.",
        ),
        Choice(
            "the group is gone, and the process moves one up",
            "It would be rid of its limits then.  The kernel refuses instead.",
        ),
        Choice(
            "Device or resource busy",
            "A group goes when nobody is in it, and no group below it.",
            right=True,
        ),
    ),
)

TOO_LATE = Question(
    "07-cgroups/too-late",
    "Four processes are in a group.  Then we write 2 to its `pids.max`.  How many are "
    "left?",
    (
        Choice(
            "4",
            "The kernel looks at the limit when somebody forks, and nobody did.",
            right=True,
        ),
        Choice("2", "`pids.max` never kills.  It refuses the next `fork`."),
        Choice(
            "0",
            "`pids.max` never kills.  For memory there is `memory.oom.group`.",
        ),
    ),
    typed="number",
    otherwise="Four were there, and two are allowed.  Is anybody ended?",
)

TOUCHED = Question(
    "07-cgroups/touched",
    "The limit is 32 MiB.  A process asks for 64 MiB, and gets them from `mmap`.  Then "
    "it writes to each page, one after the other.  When is it killed?",
    (
        Choice(
            "when it asks for 64 MiB",
            "To ask costs nothing: `mmap` only writes down that there may be pages.",
        ),
        Choice(
            "when it has written to about half of them",
            "A page is taken, and counted, when it is touched.",
            right=True,
        ),
        Choice(
            "never: the rest goes to the disk",
            "That would be swap, and here it may have none.",
        ),
    ),
)

ALL_OR_NONE = Question(
    "07-cgroups/all-or-none",
    "Three processes are in a group with `memory.oom.group` = 1.  One of them takes "
    "too much.  How many are killed, and what does `oom_kill` say?",
    (
        Choice(
            "one is killed, and it says 1",
            "So it is without `memory.oom.group`.",
        ),
        Choice(
            "three are killed, and it says 3",
            "Three are killed.  But the first one is counted twice.",
        ),
        Choice(
            "three are killed, and it says 4",
            "The first victim counts once for itself, and once with its group.",
            right=True,
        ),
    ),
)

A_TENTH = Question(
    "07-cgroups/a-tenth",
    "A process may have a tenth of a processor.  It computes for 0.1 seconds.  When is "
    "it done?",
    (
        Choice(
            "after about 0.1 seconds",
            "So it would be without a limit, or with a weight if nobody else wants the "
            "processor.",
        ),
        Choice(
            "after about a second",
            "It has 10 ms in each 100 ms, and needs about ten of them.",
            right=True,
        ),
        Choice(
            "never: it is killed when its time is over",
            "`cpu.max` kills nobody.  Time can be given later, so the process waits.",
        ),
    ),
)

TO_THE_DISK = Question(
    "07-cgroups/to-the-disk",
    "A group may write 1 MiB a second to a disk.  A process in it writes 1 MiB to a "
    "file, as programs usually do.  When does `write` return?",
    (
        Choice(
            "at once",
            "`write` fills memory, the page cache.  The disk comes later, and only "
            "there is the limit.",
            right=True,
        ),
        Choice(
            "after about a second",
            "So it is for who writes past the page cache, with O_DIRECT.",
        ),
        Choice(
            "never: it is refused",
            "`io.max` refuses nothing.  As with time, more can be given later.",
        ),
    ),
)

FROZEN = Question(
    "07-cgroups/frozen",
    "All processes of a group are frozen.  One has a handler for SIGTERM, and gets "
    "SIGTERM.  When is the handler called?",
    (
        Choice(
            "at once",
            "A handler is a function of the process.  To call it, the process has to "
            "run, and it may not.",
        ),
        Choice(
            "when it is thawed",
            "The signal waits for it.",
            right=True,
        ),
        Choice(
            "never: a frozen process loses its signals",
            "Nothing is lost.  What comes meanwhile waits.",
        ),
    ),
)

KILLED = Question(
    "07-cgroups/killed",
    "Three processes are in a group, and two in a group below it.  We write 1 to "
    "`cgroup.kill` of the upper one.  How many are left?",
    (
        Choice(
            "0",
            "It ends all in the group and below it, and no fork can get away.",
            right=True,
        ),
        Choice("2", "What is said of a group is said of all groups below it, too."),
        Choice("4", "The 1 is no number of processes.  It means: do it."),
    ),
    typed="number",
    otherwise="It is written to the upper group.  Whom does a group count?",
)

NOT_BOTH = Question(
    "07-cgroups/not-both",
    "A process is in a group.  We write `+memory` to the group's "
    "`cgroup.subtree_control`.  What happens?",
    (
        Choice(
            "the groups below have memory limits now",
            "They would, if no process were in the group itself.",
        ),
        Choice(
            "the process moves into a group below",
            "The kernel moves nobody.  That is for who makes the groups.",
        ),
        Choice(
            "Device or resource busy",
            "A group has processes, or groups with limits.",
            right=True,
        ),
    ),
)

ITS_ROOT = Question(
    "07-cgroups/its-root",
    "A process is in a group, and gets a cgroup namespace of its own.  Which paths "
    "does it read in `/proc/self/cgroup`?",
    (
        Choice(
            "the path of its group, as before",
            "So it is before `unshare`.  The namespace begins where the process is.",
        ),
        Choice(
            "the path `/`",
            "Its own group is the top of what it sees.",
            right=True,
        ),
        Choice(
            "nothing",
            "It is in a group, as everybody is.  It only sees less of the way there.",
        ),
    ),
)
