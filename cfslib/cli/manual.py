"""manual: what `--help` prints.

The options stand in a table, as wide as the terminal.  What is said before and after
it, commands bring with them.
"""

import shutil
import textwrap

from cfslib.cli.parser import Command, Option

_NAMES = 24  # columns at most for what is typed; what it means stands beside that


def text(command: Command) -> str:
    """Return the help about a command, as wide as the terminal."""
    columns = shutil.get_terminal_size().columns - 2
    rows = {f"  {_typed(option)}  ": option.help for option in command.options}
    indent = min(max(map(len, rows)), _NAMES, max(columns - 20, 4))
    options = [_row(name, rows[name], indent, columns) for name in rows]
    parts = (
        f"usage: {command.name} {command.usage}",
        command.about,
        "\n".join(["options:", *options]),
        command.epilog,
    )
    return "\n\n".join(part for part in parts if part)


def _typed(option: Option) -> str:
    """Return how an option is typed: -e NAME=VALUE, --env NAME=VALUE."""
    names = [name for name in (option.short, option.name) if name]
    return ", ".join(f"{name} {option.metavar}".strip() for name in names)


def _row(name: str, about: str, indent: int, columns: int) -> str:
    lines = textwrap.wrap(about, max(columns - indent, 11))
    has_room = len(name) <= indent
    first = f"{name:{indent}}{lines.pop(0)}" if has_room else name.rstrip()
    return f"\n{' ' * indent}".join([first, *lines])
