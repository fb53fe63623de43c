"""predictions.chroot: the questions of notebook 04."""

from cfslib.lessons.predictions import Choice, Question

LS_ALONE = Question(
    "04-chroot/ls-alone",
    "A child makes `root` its root and starts `/bin/ls`.  The file is there, and it is "
    "executable.  What happens?",
    (
        Choice(
            "it runs, and prints `bin`",
            "`ls` is not complete: it names another file, its loader.  A static "
            "program would run, for it has all in one file.",
        ),
        Choice(
            "No such file or directory",
            "Another file is missing, which `ls` names: its loader.",
            right=True,
        ),
        Choice(
            "Permission denied",
            "Who copied a file does not matter.  It is executable, and that is enough.",
        ),
    ),
)

WITH_LOADER = Question(
    "04-chroot/with-loader",
    "The loader is there now.  Does `ls` run?",
    (
        Choice(
            "yes",
            "`ls` needs libraries, too.  With musl it may run: there, loader and C "
            "library are one file.",
        ),
        Choice(
            "no, and the kernel complains as before",
            "For the kernel the loader is the last file that it needs.  All others are "
            "the loader's business.",
        ),
        Choice(
            "no, and somebody else complains",
            "The loader runs, does not find a library, and says so.",
            right=True,
        ),
    ),
)

LS_OF_ROOT = Question(
    "04-chroot/ls-of-root",
    "We copy these files.  What does `ls /` print?",
    (
        Choice(
            "the names in the `/` of this machine",
            "Its `/` is our directory: every path that begins with `/` begins there.",
        ),
        Choice(
            "the few directories that we made",
            "Nothing else is in the rootfs, and `/` is the rootfs.",
            right=True,
        ),
        Choice(
            "nothing, because there is no `/proc`",
            "Many programs read `/proc`.  `ls` reads the directory, and that is all.",
        ),
    ),
)

SORT_TOO = Question(
    "04-chroot/sort-too",
    "`tools` was built for `sh`, `cat` and `ls`.  What is missing for `sort` to run in "
    "it?",
    (
        Choice(
            "the program and all its libraries",
            "In an empty directory all would be missing.  Here `ls` and the others "
            "brought most of them along.",
        ),
        Choice(
            "the program, and perhaps a library that only it needs",
            "The loader and the C library are shared by nearly all programs.",
            right=True,
        ),
        Choice(
            "nothing, `cat` and `ls` bring it along",
            "Each program is a file of its own.  Only in busybox they are all in one.",
        ),
    ),
)

WHERE_IS_DOT = Question(
    "04-chroot/where-is-dot",
    "A child calls `chroot` and leaves out `chdir`.  Where is its current directory?",
    (
        Choice(
            "at the new `/`",
            "`chroot` moves the start of the paths that begin with `/`, and nothing "
            "else.",
        ),
        Choice(
            "where it was, outside",
            "Nobody moved it.  It only has no name any more that begins with `/`.",
            right=True,
        ),
        Choice(
            "nowhere: every path without a `/` in front is refused",
            "They work as before, from a directory that is outside.",
        ),
    ),
)

ESCAPE = Question(
    "04-chroot/escape",
    "A process is locked in by `chroot` and `chdir`, and calls `escape`.  Does it "
    "reach the host's `/`?",
    (
        Choice(
            "no, because `..` stops at its root",
            "`..` does stop there.  But the root is in `trap` now, below the place "
            "where the process stands.",
        ),
        Choice(
            "no, because the second `chroot` is refused",
            "The process is root, so it may call `chroot` as often as it likes.",
        ),
        Choice(
            "yes",
            "It stands above its own root, and on the way up it never meets it.",
            right=True,
        ),
    ),
)

PLAIN_DIRECTORY = Question(
    "04-chroot/plain-directory",
    "We make an empty directory, `/mnt/new`, and ask for it to be the root.  What does "
    "the kernel say?",
    (
        Choice(
            "yes, a directory is all it takes",
            "A directory is enough for `chroot`.  `pivot_root` exchanges mounts.",
        ),
        Choice(
            "no, because it is empty",
            "The kernel does not look into it.  An empty root is allowed.",
        ),
        Choice(
            "no, because it is no mount",
            "A plain directory has no row in the mount table, so there is nothing "
            "to exchange.",
            right=True,
        ),
    ),
)

ESCAPE_AGAIN = Question(
    "04-chroot/escape-again",
    "The same function `escape`, in a process that `pivot` locked in.  What happens?",
    (
        Choice(
            "a call is refused, and `escape` raises an error",
            "Each call is allowed, as before.  `..` at the topmost root means `.`, and "
            "is no error.",
        ),
        Choice(
            "it arrives at the host's `/`, as before",
            "The host's `/` has been unmounted.  No path leads there.",
        ),
        Choice(
            "it arrives at the `/` of the rootfs",
            "The rootfs is the root of the mount namespace now.  There is nothing "
            "above it.",
            right=True,
        ),
    ),
)

ENTER_ANEW = Question(
    "04-chroot/enter-anew",
    "Two processes are locked in, one by `chroot`, one by `pivot`.  Each enters its "
    "own mount namespace anew.  Which of them is out?",
    (
        Choice(
            "both",
            "After `pivot` the root of the namespace is the rootfs: who enters is in.",
        ),
        Choice(
            "the one locked in by `chroot`",
            "The root of its namespace is still the host's `/`, and there it arrives.",
            right=True,
        ),
        Choice(
            "neither, because it is the same namespace",
            "It is the same one.  But who enters a namespace arrives at its root.",
        ),
    ),
)

KEY_KEPT = Question(
    "04-chroot/key-kept",
    "Before `pivot`, a process opens the host's `/`.  Afterwards it goes to that "
    "descriptor.  The host's tree has been unmounted.  What happens?",
    (
        Choice(
            "there is an error, because the directory is gone",
            "The directory is on the disk as before.  What is gone is the path to it, "
            "and a descriptor needs none.",
        ),
        Choice(
            "the process is at the host's `/`",
            "A descriptor is a way to a directory that needs no path.",
            right=True,
        ),
        Choice(
            "the process is at the `/` of the rootfs",
            "A descriptor stands for the directory that was opened.  Where `/` is now "
            "does not matter.",
        ),
    ),
)
