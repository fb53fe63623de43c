"""Print what an extra or a dependency group of pyproject.toml asks for.

python wanted.py NAME [FILE]
"""

import sys
import tomllib
from pathlib import Path


def main(name: str, file: str = "pyproject.toml") -> None:
    """Print one requirement a line, as pip reads them from a file."""
    settings = tomllib.loads(Path(file).read_text())
    extras = settings["project"]["optional-dependencies"]
    print(*(extras | settings["dependency-groups"])[name], sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
