"""Record what the experiments of 09-network print, for machines without such networks.

    python tests/record_network.py

What they print is in the notebook, where nbval holds it to what they print today.  The
ways of the picture are made anew.
"""

import json
import re
import sys
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).parent.parent))

from cfslib.lessons import wirebench
from cfslib.observe import ways

NOTEBOOK = Path(__file__).parents[1] / "notebooks/09-network.ipynb"


def printed() -> dict[str, str]:
    """Return what each experiment of the notebook has printed, by its name."""
    found: dict[str, str] = {}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if name := re.search(r"^try_out\((\w+)\)$", cell.source, re.MULTILINE):
            texts = [out.text for out in cell.outputs if out.output_type == "stream"]
            found[name[1]] = "".join(texts)
    return found


def main() -> None:
    """Write both records."""
    wirebench.RECORD.write_text(json.dumps(printed(), indent=1) + "\n")
    ways.record()


if __name__ == "__main__":
    main()
