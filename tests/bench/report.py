"""report: what was measured, in 80 columns of text.

First every configuration in full, so that the comparison can be checked; then the
figures; at the end the bars, and whether they were met.
"""

import json
import statistics
from collections.abc import Iterator
from typing import Any

from tests.bench import bars
from tests.bench.rounds import Times, quantile, ratio
from tests.bench.ways import FLOOR

Data = dict[str, Any]  # what __main__ keeps as results.json
IMPORTS = 12  # how many of the slowest are shown


def text(data: Data) -> str:
    """Return the whole report."""
    lines = [*_machine(data["machine"])]
    for user in ("root", "user"):
        if user in data:
            lines += _measured_as(user, data[user])
    return "\n".join([*lines, *the_bars(data)]) + "\n"


def _machine(machine: dict[str, str]) -> Iterator[str]:
    yield "THE MACHINE"
    yield from (f"  {name:12} {value}" for name, value in machine.items())


def _measured_as(user: str, data: Data) -> Iterator[str]:
    name = {"root": "ROOT", "user": "AN ORDINARY USER"}[user]
    yield from _peers(name, data["peers"])
    for box, times in data["boxes"].items():
        yield from _times(f"AS {name}: {box}, ms", times)
    yield from _flight(name, data["flight"])
    yield from _alive(name, data["alive"])
    for number, times in data.get("mounts", {}).items():
        yield from _times(f"AS {name}: {number} mounts more on the host, ms", times)
    yield from _imports(name, data["imports"])
    yield from ("", f"AS {name}: instructions", f"  {data['instructions']}")


def _peers(name: str, peers: list[dict[str, str]]) -> Iterator[str]:
    yield from ("", f"PEERS, AS {name}")
    for peer in peers:
        yield f"  {peer['name']}: {peer['missing'] or peer['version']}"
        if peer["words"]:
            yield f"    differs: {peer['differs']}"
            yield f"    {peer['words']}"
        if peer["config.json"]:
            yield f"    config.json: {json.dumps(json.loads(peer['config.json']))}"


def _times(title: str, times: Times) -> Iterator[str]:
    yield from ("", f"{title:44} median    p10    p90  / floor")
    for way, each in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        numbers = (quantile(each, tenths) / 1e6 for tenths in (5, 1, 9))
        shown = "".join(f"{number:7.2f}" for number in numbers)
        yield f"  {way:41}{shown} {ratio(times, way, FLOOR):8.2f}"


def table(data: Data) -> str:
    """Return the default container's times for README.md, as Markdown."""
    names = {"root": "as root", "user": "as an ordinary user"}
    users = [user for user in names if user in data]
    heads = [f"{names[user]}, ms | / floor" for user in users]
    lines = [f"| one container | {' | '.join(heads)} |"]
    lines.append("| --- " + "| --: " * 2 * len(users) + "|")
    times = {user: data[user]["boxes"]["default"] for user in users}
    middle = {way: statistics.median(each) for way, each in times[users[0]].items()}
    for way in sorted(middle, key=middle.__getitem__):
        cells = (_cells(times[user], way) for user in users)
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(times: Times, way: str) -> str:
    if way not in times:
        return "- | -"
    return f"{statistics.median(times[way]) / 1e6:.1f} | {ratio(times, way, FLOOR):.1f}"


def _flight(name: str, flight: dict[str, dict[str, float | None]]) -> Iterator[str]:
    numbers = list(flight[FLOOR])
    heads = "".join(f"{number:>8}" for number in numbers)
    yield from ("", f"AS {name}: containers per second{'':5} in flight:{heads}")
    for way, each in flight.items():
        rates = (each[number] for number in numbers)
        cells = (f"{rate:8.0f}" if rate else f"{'fails':>8}" for rate in rates)
        yield f"  {way:44}" + "".join(cells)


def _alive(name: str, alive: dict[str, Data]) -> Iterator[str]:
    yield from ("", f"AS {name}: containers alive{'':10}start ms   init PSS   all PSS")
    for number, each in alive.items():
        start = statistics.median(each["times"]["notebook"]) / 1e6
        init = (
            f"{statistics.median(each['init KB']):.0f} KB"
            if each["init KB"]
            else "hidden"
        )
        per = each["all KB"] / int(number)
        yield f"  {number:>8}{'':29}{start:8.2f} {init:>10} {per:6.0f} KB each"


def _imports(name: str, imports: list[tuple[int, str]]) -> Iterator[str]:
    total = sum(us for us, _ in imports) / 1000
    yield from (
        "",
        f"AS {name}: cfs run imports {len(imports)} modules in {total:.1f} ms",
    )
    yield from (f"  {us / 1000:7.2f} ms  {module}" for us, module in imports[:IMPORTS])


def the_bars(data: Data) -> Iterator[str]:
    """Return each bar, what was measured for it, and whether that is enough."""
    users = [user for user in ("root", "user") if user in data]
    yield from ("", f"{'THE BARS':41}{'bar':>8}" + "".join(f"{u:>15}" for u in users))
    measured = {user: bars.measured(data[user]) for user in users}
    for bar in bars.BARS:
        cells = (_cell(bar, measured[user].get(bar.name)) for user in users)
        limit = f"{'<=' if bar.at_most else '>='} {bar.limit:g}"
        yield f"{bar.name:41}{limit:>8}" + "".join(cells)


def _cell(bar: bars.Bar, value: float | None) -> str:
    if value is None:
        return f"{'unknown':>15}"
    return f"{value:8.2f} {'met' if bar.met(value) else 'NOT':>6}"
