"""predictions.cfs_run: the questions of notebook 05."""

from cfslib.lessons.predictions import Choice, Question

IN_PROC = Question(
    "05-cfs-run/in-proc",
    "A child in new namespaces changes its root and lists `/proc`, where each process "
    "has a directory.  How many processes does it find?",
    (
        Choice(
            "1", "It is PID 1 of a PID namespace in which nobody else is.", right=True
        ),
        Choice(
            "0",
            "A process sees itself, too.  It would find none without a `/proc`.",
        ),
        Choice(
            "2",
            "Its parent asked for the PID namespace, but only children are in it.",
        ),
    ),
    typed="number",
    otherwise="A new `/proc` shows one PID namespace, and this one is new.",
)

ITS_NAME = Question(
    "05-cfs-run/its-name",
    "The container takes the name `inside`, prints it and ends.  What is the host "
    "called?",
    (
        Choice(
            "inside, for good",
            "So it would be if `run` had not unshared UTS: `sethostname` renames the "
            "UTS namespace that the caller is in.",
        ),
        Choice(
            "inside, until the container ends",
            "Nothing is put back at the end.  The host has a UTS namespace of its own.",
        ),
        Choice(
            "as before, all the time",
            "The name belongs to a UTS namespace, and the container has its own.",
            right=True,
        ),
    ),
)

OF_PS = Question(
    "05-cfs-run/of-ps",
    "`ps` lists the processes of the container.  Which PID has `ps` itself there?",
    (
        Choice(
            "1",
            "`become` was PID 1.  exec changes the program, and keeps the process.",
            right=True,
        ),
        Choice(
            "2",
            "Nobody forks after PID 1: it becomes the program, by exec.  A shell would "
            "have forked.",
        ),
    ),
    typed="number",
    otherwise="That would be a PID of the host's.  Inside, the numbers start at 1.",
)

ITS_MOUNTS = Question(
    "05-cfs-run/its-mounts",
    "The host has dozens of mounts.  How many does `mount` list in the container?",
    (
        Choice("3", "They are those that `change_root` made.", right=True),
        Choice(
            "0",
            "Even `/` is a mount: pivot_root takes nothing but a mount for a root.",
        ),
        Choice(
            "1",
            "The root is one.  `change_root` made two more below it.",
        ),
        Choice(
            "2",
            "`/` and `/proc` are two.  `/dev/null` is bound: that is a mount, too.",
        ),
    ),
    typed="number",
    otherwise="Those of the host went away with the old root.  Count the mounts in "
    "`change_root`.",
)

NO_PROGRAM = Question(
    "05-cfs-run/no-program",
    "The program does not exist.  What exit code does our container return?",
    (
        Choice(
            "125",
            "`exec` fails, `become` raises, and the `finally` ends the child.",
            right=True,
        ),
        Choice("127", "So say a shell and Docker.  Our program knows one number only."),
        Choice("0", "A program that ends well returns 0.  Here none even started."),
        Choice(
            "1", "Python ends so after an error.  Here `os._exit(125)` comes first."
        ),
    ),
    typed="number",
    otherwise="Look at the last lines of the child in `run`.",
)

TERM = Question(
    "05-cfs-run/term",
    "A shell sends itself TERM, a signal that ends a process.  Then it would print "
    "`still here`.  In which container does it print that?",
    (
        Choice(
            "in that of cfs run only",
            "It is the other way round: under `cfs run` the shell is PID 2.",
        ),
        Choice(
            "in both",
            "Under `cfs run` the shell is PID 2, an ordinary process, and ends.",
        ),
        Choice(
            "in ours only",
            "In ours the shell is PID 1, for which the kernel drops this signal.",
            right=True,
        ),
        Choice(
            "in neither",
            "The kernel shields PID 1, and in ours that is the shell.",
        ),
    ),
)

KEPT = Question(
    "05-cfs-run/kept",
    "Both containers get the same rootfs, and make a file in it.  Which file is there "
    "afterwards?",
    (
        Choice(
            "both",
            "`cfs run` puts a layer over the rootfs, which is gone with the container.",
        ),
        Choice(
            "neither",
            "Ours has no layer: its root is the directory itself.",
        ),
        Choice(
            "the one from ours",
            "Its file is in the directory.  The other went into a layer in memory.",
            right=True,
        ),
        Choice("the one from cfs run", "It is the other way round."),
    ),
)

A_TMPFS = Question(
    "05-cfs-run/a-tmpfs",
    "Root inside mounts a tmpfs on `/mnt`.  Where is that allowed?",
    (
        Choice(
            "in both",
            "Root in `cfs run` has twelve rights left.  None of them may mount.",
        ),
        Choice(
            "in ours only",
            "In ours root keeps all rights.  `cfs run` gives up the one that mounts.",
            right=True,
        ),
        Choice(
            "in neither",
            "The mount namespace is the container's own, so its root may mount there.",
        ),
    ),
)

FIRST = Question(
    "05-cfs-run/first",
    "`cfs run` makes a container.  Which of these calls comes first?",
    (
        Choice("sethostname", "So it was in ours; it could be at any time."),
        Choice(
            "mount",
            "This one makes all mounts private, before there are more of them.",
            right=True,
        ),
        Choice(
            "pivot_root",
            "Before that, the new root has to be complete: its mounts come first.",
        ),
        Choice(
            "capset",
            "It gives up rights, which the other three need.  So it comes late.",
        ),
    ),
)

LONGEST = Question(
    "05-cfs-run/longest",
    "Which of the calls that make a container usually takes longest?",
    (
        Choice(
            "pivot_root, because it moves a whole tree of files",
            "It moves no file.  It changes two entries in the mount table.",
        ),
        Choice(
            "one that makes a process: clone or posix_spawn",
            "A process has to be copied, or a program loaded.  Most of the others "
            "change a few entries in the kernel's tables.",
            right=True,
        ),
        Choice(
            "the mount of the layer, because it copies the rootfs",
            "Nothing is copied.  A file is, when somebody first writes to it.",
        ),
    ),
)

OF_TWENTY = Question(
    "05-cfs-run/of-twenty",
    "The bomb wants forty processes.  `cfs run` allows 20 in a container.  How many "
    "does the bomb get there?",
    (
        Choice(
            "17",
            "PID 1, `timeout` and the shell are in the container, too.",
            right=True,
        ),
        Choice("20", "The limit is for all in the container: who is there already?"),
        Choice("19", "PID 1 is one of the 20.  Who else runs when the bomb begins?"),
        Choice(
            "18", "In `cfs run`, `timeout` is not PID 1.  So there are three before."
        ),
    ),
    typed="number",
    otherwise="The limit holds.  Of the 20, take off those who run before the bomb.",
)

AT_THE_LIMIT = Question(
    "05-cfs-run/at-the-limit",
    "A container is at `pids.max` and forks once more.  What does the kernel do?",
    (
        Choice(
            "it kills the process that asked",
            "That happens at `memory.max`, where there is no call to say no to.",
        ),
        Choice(
            "it lets the process wait until another one ends",
            "fork never waits for room.  A program could then hang for ever.",
        ),
        Choice(
            "it answers EAGAIN",
            "The caller hears no and may go on.  Most shells give up.",
            right=True,
        ),
    ),
)
