"""readme: what README.md shows of a run, as Markdown."""

import statistics
import textwrap
from typing import Any

from tests.bench.commands import COMMAND
from tests.bench.kinds import SITUATIONS, named
from tests.bench.rounds import Times, ratio
from tests.bench.situations import PEERS
from tests.bench.ways import FLOOR, OURS

Data = dict[str, Any]  # what __main__ keeps as results.json
USERS = {"root": "as root", "user": "as an ordinary user"}
PICTURE = """\
![The same times as bars, as root and as an ordinary user, on a logarithmic axis.  A
dashed line goes down from the bar of the C floor, the
shortest.](notebooks/images/how-fast.png)
"""


def for_readme(data: Data) -> str:
    """Return what README.md shows of a run: where it was, a table, a picture."""
    machine = data["machine"]
    where = (
        f"Measured on {machine['date']}: Linux {machine['kernel']}, "
        f"{machine['processors']} processors, Python {machine['python']}, "
        f"cgroup {machine['cgroups']}, {machine['rounds']} rounds."
    )
    tables = [table(data), PICTURE, situations(data)]
    return "\n".join([*textwrap.wrap(where, 88), "", *tables])


def table(data: Data) -> str:
    """Return the default container's times for README.md, as Markdown."""
    users = [user for user in USERS if user in data]
    heads = [f"{USERS[user]}, ms | / floor" for user in users]
    lines = [f"| one container | {' | '.join(heads)} |"]
    lines.append("| --- " + "| --: " * 2 * len(users) + "|")
    times = {user: data[user]["boxes"]["default"] for user in users}
    middle = {way: statistics.median(each) for way, each in times[users[0]].items()}
    for way in sorted(middle, key=middle.__getitem__):
        cells = (_cells(times[user], way) for user in users)
        name = f"**{way}**" if way in OURS else way
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(times: Times, way: str) -> str:
    if way not in times:
        return "- | -"
    return f"{statistics.median(times[way]) / 1e6:.1f} | {ratio(times, way, FLOOR):.1f}"


def situations(data: Data) -> str:
    """Return the commands' times in each situation, in ms: as root / as a user."""
    users = [user for user in USERS if user in data]
    lines = [f"| ms {' / '.join(USERS[user] for user in users)} | "]
    lines[0] += f"{' | '.join(SITUATIONS)} |"
    lines.append("| --- " + "| --: " * len(SITUATIONS) + "|")
    times = [data[user]["situations"] for user in users]
    for way in (COMMAND, *PEERS):
        ways = [named(way, situation) for situation in SITUATIONS]
        cells = (" / ".join(_middle(each, name) for each in times) for name in ways)
        name = f"**{way}**" if way in OURS else way
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _middle(times: Times, way: str) -> str:
    return f"{statistics.median(times[way]) / 1e6:.1f}" if way in times else "-"
