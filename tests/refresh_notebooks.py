"""Run notebooks and save what they print, for whoever changes one.

    python tests/refresh_notebooks.py [NOTEBOOK...]

Only what a reader sees is kept: no times, no traces of the machine that ran it.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def refresh(path: Path) -> None:
    """Run one notebook from top to bottom and write its outputs into it."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02}"
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = [_short(output.traceback, output.ename)]
            data = output.get("data", {})
            # The number of a widget that lives no more; its text says what it was.
            data.pop(WIDGET, None)
            # A page has our whole style sheet, which web sites take out.
            if "<style>" in data.get("text/html", ""):
                del data["text/html"]
    nbformat.write(notebook, path)
    print(f"refreshed {path.name}")


def _short(traceback: list[str], name: str) -> str:
    """Keep the last words of a traceback: the error called `name`, and its hint."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(traceback))
    before, start, said = text.rstrip().rpartition(f"\n{name}: ")
    return f"{name}: {said}" if start else before + said


if __name__ == "__main__":
    for given in sys.argv[1:] or sorted(map(str, NOTEBOOKS.glob("*.ipynb"))):
        refresh(Path(given))
