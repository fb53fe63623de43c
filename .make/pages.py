"""Notebooks as HTML that needs no network: what `book` and `slides` have in common."""

import base64
import html
import mimetypes
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import mistune
import nbformat
from nbclient import NotebookClient
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, get_lexer_by_name
from pygments.util import ClassNotFound

TOP = Path(__file__).parent.parent
NOTEBOOKS = sorted(TOP.glob("notebooks/[0-9]*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
SHEET = (Path(__file__).parent / "pages.css").read_text()
Cell = Any  # of nbformat, which has no types


def page(title: str, body: str, style: str = "") -> str:
    """Return a page that is complete in itself, in the reader's own theme."""
    light, dark = (HtmlFormatter(style=name) for name in ("xcode", "github-dark"))
    colours = (
        f"{light.get_style_defs('.code')}\n@media screen and "
        f"(prefers-color-scheme: dark) {{\n{dark.get_style_defs('.code')}\n}}"
    )
    # What may have to be moved sideways can be, with the keyboard too.
    body = re.sub(r"<(pre|table)>", r'<\1 tabindex="0">', body)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)}</title>"
        f"<style>{colours}\n{SHEET}\n{style}</style></head>\n<body>{body}</body></html>\n"
    )


def read(path: Path) -> list[Cell]:
    """Return the cells of a notebook, as saved."""
    return list(nbformat.read(path, as_version=4).cells)


def drawn(path: Path) -> dict[int, str]:
    """Run a notebook; return what its widgets show, by the number of their cells."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    with tempfile.TemporaryDirectory(prefix="cfs-pages-") as nowhere:
        # What the author has done so far is not for all to read.
        client.execute(env={**os.environ, "XDG_STATE_HOME": nowhere})
    models = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    return {
        number: _still(output.data[WIDGET]["model_id"], models)
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if WIDGET in output.get("data", {})
    }


def _still(model: str, models: dict[str, Any]) -> str:
    """Return a widget as HTML that stands still: what it shows, without its buttons."""
    state = models[model]["state"]
    children = [child.removeprefix("IPY_MODEL_") for child in state.get("children", [])]
    if state.get("layout") and _is_hidden(state, models):
        return ""
    if state["_model_name"] == "HTMLModel":
        return str(state["value"])
    inside = "".join(_still(child, models) for child in children)
    return f"<div>{inside}</div>" if inside else ""


def _is_hidden(state: dict[str, Any], models: dict[str, Any]) -> bool:
    layout = models[state["layout"].removeprefix("IPY_MODEL_")]["state"]
    return layout.get("display") == "none" or layout.get("visibility") == "hidden"


def cell(cell: Cell, picture: str = "") -> str:
    """Return a cell as HTML: its text, or its code and what came of it."""
    if cell.cell_type == "markdown":
        return text(cell.source)
    shown = "" if is_folded(cell) else f'<div class="code">{code(cell.source)}</div>'
    return shown + outputs(cell, picture)


def is_folded(cell: Cell) -> bool:
    """Say if a cell's code is not for readers: it asserts, or draws a view."""
    folded = cell.metadata.get("jupyter", {}).get("source_hidden", False)
    return bool(folded) or cell.source.startswith("assert ")


def is_asked(cell: Cell) -> bool:
    """Say if a cell asks for a prediction, which stands in the text before it too."""
    return "quiz.ask(" in cell.source


def outputs(cell: Cell, picture: str = "") -> str:
    """Return what came of a cell; `picture` is what its widget shows."""
    made = [picture] if picture else [_output(output) for output in cell.outputs]
    inside = "".join(made)
    return f'<div class="out">{inside}</div>' if inside else ""


def _output(output: Any) -> str:
    if output.output_type == "stream":
        return f"<pre>{html.escape(output.text)}</pre>"
    if output.output_type == "error":
        return f'<pre class="error">{html.escape(plain(output.traceback))}</pre>'
    for kind in ("text/html", "image/svg+xml"):
        if kind in output.data:
            return str(output.data[kind])
    said = output.data.get("text/plain", "")
    return "" if said.startswith("[") else f"<pre>{html.escape(said)}</pre>"


def plain(lines: list[str]) -> str:
    """Return a traceback without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))


def code(source: str, language: str = "python") -> str:
    """Return code in colours."""
    try:
        lexer = get_lexer_by_name(language) if language != "python" else PythonLexer()
    except ClassNotFound:
        return f"<pre>{html.escape(source)}</pre>"
    return str(highlight(source, lexer, HtmlFormatter(nowrap=False)))


def text(source: str) -> str:
    """Return Markdown as HTML, with pictures in it and links to pages."""
    convert = mistune.create_markdown(
        renderer=_Renderer(escape=False), plugins=["table"]
    )
    return str(convert(source))


def title(cells: list[Cell]) -> str:
    """Return the question that a notebook asks."""
    return str(cells[0].source.splitlines()[0].removeprefix("# "))


class _Renderer(mistune.HTMLRenderer):
    def heading(self, text: str, level: int, **_: Any) -> str:
        name = re.sub(r"<[^>]+>", "", text).replace(" ", "-")
        return f'<h{level} id="{name}">{text}</h{level}>\n'

    def block_code(self, code_: str, info: str | None = None) -> str:
        made = code(code_, info) if info else f"<pre>{html.escape(code_)}</pre>"
        return f'<div class="code">{made}</div>'

    def codespan(self, text: str) -> str:
        # A browser breaks lines at hyphens, and an option in two lines is none.
        whole = r'<span class="option">\g<0></span>'
        return re.sub(r"(?<![^\s>])-[^\s<]+", whole, super().codespan(text))

    def image(self, text: str, url: str, title: str | None = None) -> str:
        file = TOP / "notebooks" / url
        kind = mimetypes.guess_type(file.name)[0]
        data = base64.b64encode(file.read_bytes()).decode()
        return f'<img alt="{html.escape(text)}" src="data:{kind};base64,{data}">'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        place = re.sub(r"\.(ipynb|md)(?=#|$)", ".html", url)
        return f'<a href="{html.escape(place)}">{text}</a>'
