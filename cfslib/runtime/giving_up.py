"""giving_up: be who the command is to be, with no right but those it is to have."""

from cfslib.isolation import capabilities, seccomp, users
from cfslib.runtime import init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cfslib.isolation.users import User
    from cfslib.runtime.spec import Spec
    from cfslib.runtime.steps import Steps


def give_up_rights(
    do: "Steps", spec: "Spec | Any", user: "User", may_leave_groups: bool
) -> None:
    """Be who the command is to be, with no right but those that it is to have.

    Last, because all that comes before takes root's.
    """
    do(init.let_nobody_look_into_us)
    do(capabilities.bound, spec.capabilities)
    # Before the filter, which could say that it was done when it was not.
    do(users.join_groups, user, leave_groups=may_leave_groups)
    program = spec.filter
    if program is None:
        program = seccomp.default_filter(spec.capabilities)
    if program:  # as late as the kernel allows it, because it is for us too
        do(seccomp.filter_calls, program, spec.filter_flags)
    do(users.become, user)
    do(capabilities.have_only, () if user.uid else spec.capabilities)
    if spec.no_new_privileges:
        do(capabilities.gain_no_more)
    do(init.end_with_the_maker)  # once more: a new uid has cleared it
