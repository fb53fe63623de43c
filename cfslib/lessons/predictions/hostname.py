"""predictions.hostname: the questions of notebook 01."""

from cfslib.lessons.predictions import Choice, Question

PRIVATE_COPY = Question(
    "01-hostname/private-copy",
    "Renaming the machine for everybody was refused.  Is a private copy allowed?",
    (
        Choice(
            "yes, it disturbs nobody",
            "It could deceive a program with more rights than you, such as sudo, that "
            "you start in it.",
        ),
        Choice(
            "no, that takes the rights of root as well",
            "unshare(UTS) takes CAP_SYS_ADMIN.  The next section says why.",
            right=True,
        ),
        Choice(
            "yes, but the copy cannot be changed",
            "There is no such rule, and a copy like that would be of little use.",
        ),
    ),
)

ROOT_WITHOUT_UTS = Question(
    "01-hostname/root-without-uts",
    "Root in a new user namespace, but in the old UTS namespace: may it set the name?",
    (
        Choice(
            "yes, it has every right there is",
            "It has every right over what belongs to its user namespace, and the name "
            "does not.",
        ),
        Choice(
            "yes, but only those in its user namespace see the new name",
            "Who sees a name depends on the UTS namespace alone, and that is shared.",
        ),
        Choice(
            "no, the name belongs to another user namespace",
            "The name that it sees is owned by the host's user namespace.",
            right=True,
        ),
    ),
)
