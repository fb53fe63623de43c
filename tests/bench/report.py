"""report: what was measured, in 80 columns of text.

First every configuration in full, so that the comparison can be checked; then the
figures; at the end the bars, and whether they were met.
"""

import statistics
import textwrap
from collections.abc import Iterator
from typing import Any

from tests.bench import bars
from tests.bench.bars import BARS, Bar
from tests.bench.rounds import Times, quantile, ratio
from tests.bench.ways import FLOOR

Data = dict[str, Any]  # what __main__ keeps as results.json
WIDTH = 80
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
    yield from _times(f"AS {name}: in each situation, ms", data["situations"])
    yield from _times(f"AS {name}: other commands of ours, ms", data["subcommands"])
    yield from _beside(f"AS {name}: containers that go on, ms", data["lives"])
    if "images" in data:
        yield from _beside(f"AS {name}: images, ms", data["images"])
    yield from _flight(name, data["flight"])
    for number, each in data["alive"].items():
        yield from _times(f"AS {name}: {number} alive, ms", each["times"])
    yield from _crowd(name, data["alive"])
    yield from _around_one(name, data["around one"])
    for number, times in data.get("mounts", {}).items():
        yield from _times(f"AS {name}: {number} mounts more on the host, ms", times)
    yield from _times(f"AS {name}: in_child(lambda: None), ms", data["child"])
    yield from _imports(name, data["imports"])
    yield from _instructions(name, data["instructions"])


def _peers(name: str, peers: list[Data]) -> Iterator[str]:
    yield from ("", f"PEERS, AS {name}")
    for peer in peers:
        yield from _wrapped(f"{peer['name']}: {peer['missing'] or peer['version']}", 2)
        if peer["words"]:
            yield from _wrapped(f"differs: {peer['differs']}", 4)
            yield from _wrapped(peer["words"], 4, end=" \\")
        if peer["config.json"]:
            yield from _wrapped(f"config.json: {peer['config.json']}", 4)
        for situation, more in peer["more"].items():
            yield from _wrapped(f"{situation}: {more or 'no other words'}", 4)


def _wrapped(text: str, indent: int, end: str = "") -> Iterator[str]:
    lines = textwrap.wrap(
        text,
        WIDTH - len(end),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from (f"{line}{end}" for line in lines[:-1])
    yield lines[-1]


def _times(title: str, times: Times) -> Iterator[str]:
    floor = "  / floor" if FLOOR in times else ""
    yield from ("", f"{title:47}  median     p10     p90{floor}")
    for way, each in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        numbers = (quantile(each, tenths) / 1e6 for tenths in (5, 1, 9))
        shown = "".join(f"{number:8.2f}" for number in numbers)
        compared = f" {ratio(times, way, FLOOR):8.2f}" if floor else ""
        yield f"  {way:45}{shown}{compared}"


def _beside(title: str, data: Data) -> Iterator[str]:
    """Return times, and which peers are missing, and why."""
    yield from _times(title, data["times"])
    for peer, why in data["missing"].items():
        yield from _wrapped(f"left out: {peer}: {why}", 2)


def _flight(name: str, flight: dict[str, dict[str, list[float]]]) -> Iterator[str]:
    numbers = list(flight[FLOOR])
    heads = "".join(f"{number:>8}" for number in numbers)
    title = f"AS {name}: containers per second, in flight:"
    yield from ("", f"{title:56}{heads}")
    for way, each in flight.items():
        rates = (each[number] for number in numbers)
        cells = (
            f"{statistics.median(rate):8.0f}" if rate else f"{'fails':>8}"
            for rate in rates
        )
        yield f"  {way:54}" + "".join(cells)


def _crowd(name: str, alive: dict[str, Data]) -> Iterator[str]:
    title = f"AS {name}: PSS of our helpers, with so many alive"
    yield from ("", f"{title:57}{'init':>8}    all, each")
    for number, each in alive.items():
        inits = [kb for kb in each["init KB"] if kb is not None]
        init = f"{statistics.median(inits):.0f} KB" if inits else "hidden"
        yield f"  {number:>8}{'':45}{init:>10} {_total(each['all KB'], int(number))}"


def _around_one(name: str, weights: dict[str, list[int | None]]) -> Iterator[str]:
    title = f"AS {name}: PSS of the helpers of one container"
    yield from ("", f"{title:57}processes    together")
    for way, each in weights.items():
        yield f"  {way:45}{len(each):18} {_total(each, 1)}"


def _total(weights: list[int | None], of: int) -> str:
    """Return the sum, for each of so many; "hidden" if one could not be weighed."""
    known = [kb for kb in weights if kb is not None]
    return f"{sum(known) / of:9.0f} KB" if len(known) == len(weights) else "hidden"


def _imports(name: str, each: list[tuple[int, str]]) -> Iterator[str]:
    total = sum(us for us, _ in each) / 1000
    yield from ("", f"AS {name}: cfs run imports {len(each)} modules in {total:.1f} ms")
    yield from (f"  {us / 1000:7.2f} ms  {module}" for us, module in each[:IMPORTS])


def _instructions(name: str, counted: Data) -> Iterator[str]:
    yield ""
    yield from _wrapped(f"AS {name}: instructions, counted by {counted['by']}", 0)
    for way, count in counted["counts"].items():
        shown = f"{count:>15,}" if isinstance(count, int) else count
        yield from _wrapped(f"{way:30} {shown}", 2)


def the_bars(data: Data) -> Iterator[str]:
    """Return each bar, what was measured for it, and whether that is enough."""
    users = [user for user in ("root", "user") if user in data]
    yield from ("", f"{'THE BARS':40}" + "".join(f"{user:>20}" for user in users))
    measured = {user: bars.measured(data[user]) for user in users}
    for bar in BARS:
        cells = (_cell(bar, user, measured[user].get(bar.name)) for user in users)
        yield f"{bar.name:40}" + "".join(cells)


def _cell(bar: Bar, user: str, value: float | None) -> str:
    limit = f"{'<=' if bar.at_most else '>='} {bar.limit_for(user):g}"
    if value is None:
        return f"{'unknown':>8}{limit:>8}    "
    return f"{value:8.2f}{limit:>8} {'met' if bar.met(value, user) else 'NOT'}"
