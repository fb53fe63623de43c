"""predictions.mount: the questions of notebook 03."""

from cfslib.lessons.predictions import Choice, Question

FRESH_TABLE = Question(
    "03-mount/fresh-table",
    "A child asks for a mount namespace of its own, and does nothing else.  What is in "
    "its table?",
    (
        Choice(
            "nothing",
            "Without a `/` it could open no file and start no program.",
        ),
        Choice(
            "`/`, `/proc`, `/sys` and `/dev`, and no more",
            "A container has a short table in the end.  But its maker makes it so, not "
            "the kernel.",
        ),
        Choice(
            "all that is in ours",
            "A new mount namespace begins with a copy of the table.",
            right=True,
        ),
    ),
)

WHO_SEES = Question(
    "03-mount/who-sees",
    "The child mounts a `tmpfs`, a filesystem in memory, on `/mnt`, and writes a file "
    "there.  Who sees the file?",
    (
        Choice(
            "the child and we, because there is one tree of files",
            "There are two tables now.  The disk is in both, the `tmpfs` is in one.",
        ),
        Choice(
            "the child alone",
            "The `tmpfs` is in the child's table, and in no other.",
            right=True,
        ),
        Choice(
            "nobody, because only root may mount",
            "The child is root in its user namespace, and its mount namespace belongs "
            "to that one.",
        ),
    ),
)

ROOT_OF_NOTHING = Question(
    "03-mount/root-of-nothing",
    "Now the child becomes root in a user namespace, but stays in the mount namespace "
    "that it shares with us.  May it mount?",
    (
        Choice(
            "yes, because it is root",
            "It is root over the namespaces that belong to its user namespace.  Our "
            "mount namespace does not.",
        ),
        Choice(
            "yes, but nobody else sees the mount",
            "Who sees a mount depends on the mount namespace alone, and that one is "
            "shared.",
        ),
        Choice(
            "no",
            "Our mount namespace belongs to another user namespace.",
            right=True,
        ),
    ),
)

TWO_ON_ONE = Question(
    "03-mount/two-on-one",
    "A `tmpfs` is mounted on `/mnt`, and the file `first` is written there.  A second "
    "`tmpfs` is mounted on `/mnt`, and taken away again.  What is in `/mnt` now?",
    (
        Choice(
            "nothing, because the second mount emptied it",
            "A mount changes no file.  It hides what was there.",
        ),
        Choice(
            "`first`",
            "It was there all the time, covered by the second mount.",
            right=True,
        ),
        Choice(
            "nothing, because both mounts are gone",
            "`umount2` takes away one mount, the topmost.",
        ),
    ),
)

BIND_READ_ONLY = Question(
    "03-mount/bind-read-only",
    "We bind `/mnt/data` on `/mnt/view` with `BIND | RDONLY`, in one call.  Then we "
    "write a file in `/mnt/view`.  What happens?",
    (
        Choice(
            "the write is refused (EROFS, read-only file system)",
            "The kernel would refuse it, if it had heard of RDONLY.  With BIND it "
            "ignores nearly all other flags.",
        ),
        Choice(
            "the file is written",
            "The kernel made the bind mount and dropped RDONLY without a word.",
            right=True,
        ),
        Choice(
            "the mount call is refused (EINVAL, invalid argument)",
            "An error would be kinder.  But the call succeeds.",
        ),
    ),
)

PROC_WITHOUT_PID = Question(
    "03-mount/proc-without-pid",
    "A child takes a mount namespace of its own, but no PID namespace, and mounts "
    "`proc` on `/proc`.  What does it see there?",
    (
        Choice(
            "only itself",
            "A `proc` shows all of a PID namespace, and the child has none of its own.",
        ),
        Choice(
            "all processes of the machine",
            "The new `/proc` would show them, and so one has to be root over their "
            "PID namespace.",
        ),
        Choice(
            "the old `/proc`, because the mount is refused",
            "The child is not root over the PID namespace that it would show.",
            right=True,
        ),
    ),
)

WHO_HEARS = Question(
    "03-mount/who-hears",
    "In one case `/mnt` is private, in the other shared.  The host looks when the "
    "container has ended.  Where is the container's mount in the host's table?",
    (
        Choice(
            "in neither case, because the container has a namespace of its own",
            "A namespace of its own keeps what is private.  But a shared mount "
            "passes on what is mounted below it.",
        ),
        Choice(
            "in neither case, because the mount has ended with the container",
            "What ended is the container's table.  The host's has a row of its own.",
        ),
        Choice(
            "in the shared case alone",
            "A shared mount passes on what is mounted below it, and that stays.",
            right=True,
        ),
        Choice(
            "in both cases, because it is the same `/mnt`",
            "Both see the same files in `/mnt`.  But a mount is no file, it is a "
            "row in a table.",
        ),
    ),
)

COPY_OF_SHARED = Question(
    "03-mount/copy-of-shared",
    "On a machine `/` is shared.  A child takes a user namespace and a mount "
    "namespace.  What is its `/`?",
    (
        Choice(
            "shared, because it is a copy",
            "All is copied but this: root in a user namespace may not change the "
            "table of the machine.",
        ),
        Choice(
            "slave",
            "Mounts of the machine arrive here, and none goes back.",
            right=True,
        ),
        Choice(
            "private",
            "To make it private takes a call of its own.  Mounts of the machine "
            "still arrive.",
        ),
    ),
)

ACCIDENT = Question(
    "03-mount/accident",
    "`/` is shared.  The container starts, mounts its `/proc`, and ends at once.  How "
    "many processes are in the host's `/proc` now?",
    (
        Choice(
            "0",
            "The container's `/proc` covers it, and in the container's PID namespace "
            "nobody lives any more.",
            right=True,
        ),
        Choice("1", "The container's PID 1 has ended, and nobody came after it."),
    ),
    typed="number",
    otherwise="All processes of the host are alive, but their `/proc` is covered.",
)

AFTER_PIVOT = Question(
    "03-mount/after-pivot",
    "You will use `pivot_root` in the next chapter: it exchanges the root mount for "
    "another one.  Where are the host's mounts right after it?",
    (
        Choice(
            "gone, because the root is another one",
            "`pivot_root` takes nothing away.  It only exchanges two places.",
        ),
        Choice(
            "in the table still, below the old root",
            "Each of them is there until the old root is detached, one step later.",
            right=True,
        ),
        Choice(
            "in the host's table only",
            "The container's table began as a copy, and nothing was taken from it yet.",
        ),
    ),
)
