"""doctor: what this machine allows, and the line that mends what it does not.

`trials` tries what a container needs; this puts the findings in order and on paper.

    >>> print(report([Finding("kernel", "4.19", "sudo apt-get dist-upgrade")]))
    note  kernel            4.19
          type: sudo apt-get dist-upgrade
    <BLANKLINE>
    Containers can be made here.
"""

import os
import textwrap
from collections.abc import Iterator

from cfslib.children.in_child import on_one_thread
from cfslib.doctor import extras, trials
from cfslib.doctor.trials import Finding
from cfslib.isolation import idmaps
from cfslib.kernel import syscalls
from cfslib.runtime import ownership

WIDTH = 80


def examine() -> list[Finding]:
    """Try what a container needs, and say how each thing went."""
    return on_one_thread(lambda: list(_findings()))


def report(findings: list[Finding]) -> str:
    """Return the findings as a table for a terminal of 80 columns."""
    lines = [line for finding in findings for line in _lines(finding)]
    can = "can" if healthy(findings) else "cannot"
    return "\n".join([*lines, "", f"Containers {can} be made here."])


def healthy(findings: list[Finding]) -> bool:
    """Say whether containers can be made here, perhaps with some extras missing."""
    return not any(finding.fatal for finding in findings)


def _findings() -> Iterator[Finding]:
    yield trials.kernel(os.uname().release)
    yield from trials.surroundings()
    user = trials.user_namespaces()
    yield user
    # The notebooks use them as root too, so they are what the rest is tried with.
    unshare = syscalls.unshare if user.remedy else idmaps.unshare_as_root
    if ownership.may_do_it_alone() or not user.remedy:
        yield from trials.namespaces(unshare)
        yield trials.proc_inside(unshare)
        yield trials.layer(unshare)
        yield extras.process_limit()
        yield extras.other_limits()
        yield extras.user_ids()
    yield trials.tools()
    yield from trials.losses()
    yield trials.whole()


def _lines(finding: Finding) -> list[str]:
    mark = "FAIL" if finding.fatal else "note" if finding.remedy else "ok"
    start = f"{mark:<4}  {finding.about:<16}  "
    # All but the first line of a long text begin below it.
    text = textwrap.fill(
        finding.state,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
    )
    return [text, _to_type(finding.remedy)] if finding.remedy else [text]


def _to_type(remedy: str) -> str:
    """Return the line to type; a long one goes on after a backslash."""
    start = "      type: "
    line, sign, remark = remedy.partition("  # ")
    lines = textwrap.wrap(
        line, WIDTH - len(start) - 2, break_long_words=False, break_on_hyphens=False
    )
    shown = start + f" \\\n{' ' * len(start)}".join(lines)
    if not remark:
        return shown
    # In a shell, a remark cannot go on after a backslash.
    fits = len(shown.rpartition("\n")[2]) + len(sign + remark) <= WIDTH
    return shown + (sign if fits else f"\n{' ' * len(start)}# ") + remark
