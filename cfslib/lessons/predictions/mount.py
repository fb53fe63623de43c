"""predictions.mount: the questions of notebook 03."""

from cfslib.lessons.predictions import Choice, Question

BIND_READ_ONLY = Question(
    "03-mount/bind-read-only",
    "A bind mount with BIND | RDONLY in one call, then a write.  What happens?",
    (
        Choice(
            "the write is refused with EROFS",
            "It would be, if the kernel had heard of RDONLY.  With BIND it ignores "
            "nearly all other flags.",
        ),
        Choice(
            "the file is written",
            "The kernel made the bind mount and dropped RDONLY without a word.",
            right=True,
        ),
        Choice(
            "the mount call is refused with EINVAL",
            "It could have been made so, and `mount(2)` would be kinder.  It succeeds.",
        ),
    ),
)

AFTER_PIVOT = Question(
    "03-mount/after-pivot",
    "Right after pivot_root, before any umount: where are the host's mounts?",
    (
        Choice(
            "gone, for the root is another one",
            "pivot_root takes nothing away.  It only exchanges two places.",
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
