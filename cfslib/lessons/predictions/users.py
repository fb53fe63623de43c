"""predictions.users: the questions of notebook 06."""

from cfslib.lessons.predictions import Choice, Question

NO_MAP = Question(
    "06-users/no-map",
    "A child makes a user namespace and writes no map.  Who is it, by its user id?",
    (
        Choice("0", "Root is who has 0 in a map, and there is none yet."),
        Choice(
            "the same number as before",
            "Outside it is.  Inside, your number has no place yet.",
        ),
        Choice(
            "65534",
            "That is `nobody`: what the kernel shows for who has no number here.",
            right=True,
        ),
    ),
)

ITS_RIGHTS = Question(
    "06-users/its-rights",
    "It is 65534 and has no map.  May it mount a tmpfs, in a mount namespace that it "
    "makes too?",
    (
        Choice(
            "no, only root may mount",
            "The kernel asks for a capability, and not for the number 0.",
        ),
        Choice(
            "yes",
            "Who makes a user namespace starts with all capabilities in it, whatever "
            "its number is.",
            right=True,
        ),
        Choice(
            "no, a map comes first",
            "The map says who is who.  What a process may do is written elsewhere: in "
            "its capabilities.",
        ),
    ),
)

HOSTS_ROOT = Question(
    "06-users/hosts-root",
    "In there an ordinary user is 0.  Whom does it see as the owner of `/etc/passwd`?",
    (
        Choice(
            "0",
            "The owner is the host's root.  The 0 in there is somebody else: you.",
        ),
        Choice(
            "its own number outside",
            "The file belongs to root, and the map changes no file.",
        ),
        Choice(
            "65534",
            "The host's root is in no line of the map, so it is nobody here.",
            right=True,
        ),
    ),
)

MAY_WRITE = Question(
    "06-users/may-write",
    "It is root in there and holds `CAP_DAC_OVERRIDE`, the right to open any file.  "
    "May it open `/etc/passwd` for writing?",
    (
        Choice(
            "yes, it holds the right",
            "It does.  But this right does not count for all files: see below.",
        ),
        Choice(
            "no",
            "Such a right counts for files whose owner and group have a place in the "
            "map.",
            right=True,
        ),
        Choice(
            "yes, but what it writes is not kept",
            "The file is the host's, and there is no copy of it.",
        ),
    ),
)

WHOSE_FILE = Question(
    "06-users/whose-file",
    "It is 0 in there, and makes a file in a directory of yours.  Who owns the file, "
    "as the notebook sees it?",
    (
        Choice(
            "root", "The 0 inside is you outside, and the disk has the number outside."
        ),
        Choice(
            "you",
            "The kernel keeps the number outside, and translates for each who looks.",
            right=True,
        ),
        Choice("nobody", "You have a place on both sides of the map: 0 and yours."),
    ),
)

NO_DENY = Question(
    "06-users/no-deny",
    "In its new user namespace, an ordinary user writes `0 UID 1` to `uid_map`, and "
    "then `0 GID 1` to `gid_map`.  The first is taken.  What does the kernel say to "
    "the second?",
    (
        Choice("nothing, it is taken", "It was, until 2014.  See why it no longer is."),
        Choice(
            "Operation not permitted",
            "First this process has to give up `setgroups`.",
            right=True,
        ),
        Choice("Invalid argument", "The line is fine, and its writer is the problem."),
    ),
)

TWO_LINES = Question(
    "06-users/two-lines",
    "The user wants a second user inside, and writes two lines: `0` is itself, and `1` "
    "is 100000, a number that no user of the machine has.  What does the kernel say?",
    (
        Choice(
            "nothing: the number is free",
            "Somebody may get it tomorrow, and then owns the files that were made so.",
        ),
        Choice(
            "it takes the first line and leaves the second",
            "All lines are taken at once, or none.",
        ),
        Choice(
            "Operation not permitted",
            "Yours to give is your own number, and that is all.",
            right=True,
        ),
    ),
)

DEEPER = Question(
    "06-users/deeper",
    "In a namespace in which you are 0, a process makes another one and writes `5 0 "
    "1`.  Who owns a file that it makes, as the notebook sees it?",
    (
        Choice("5", "That is its number inside, and inside alone."),
        Choice("root", "The 0 in the middle is not the host's: it is you."),
        Choice(
            "you",
            "5 is the middle's 0, and that is you.  Each map leads one level up.",
            right=True,
        ),
    ),
)

BY_A_MOUNT = Question(
    "06-users/by-a-mount",
    "A file of root's is seen by two mounts.  The map of the second one has a place "
    "for 5 alone.  Whose is the file, seen by the second?",
    (
        Choice(
            "root's: it is one file",
            "It is one file.  But who owns it is asked by way of a mount.",
        ),
        Choice(
            "65534's",
            "0 is in no line of that mount's map, so the owner is nobody.",
            right=True,
        ),
        Choice("5's", "The map has 5 on its left, and this file has 0 on the disk."),
    ),
)
