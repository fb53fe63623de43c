"""kernel: what a kernel of JupyterLab does for one of our notebooks.

IPython loads this extension in every kernel of our environment, by the settings in
etc/ipython.  In notebooks that are not ours it does nothing.
"""

import copyreg
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

TELLS = "tells:"  # begins the tag of a cell that a prediction is about
OLDER = (
    "There is a newer one of this chapter.  Yours was changed, so it stays.  "
    "“Back to the start”, at the end of 00-start-here, keeps it and brings the new one."
)


def load_ipython_extension(shell: Any) -> None:
    """Draw verdicts and errors as cards; compare predictions when a cell has run."""
    from cfslib.lessons import handout

    session = Path(os.environ.get("JPY_SESSION_NAME", ""))
    if not handout.chapter(session.stem):
        return
    # With it, `run(...)` before its import is %run, which says that a file is missing.
    shell.automagic = False
    shell.set_custom_exc((Exception, KeyboardInterrupt), _show_error)
    shell.events.register("post_run_cell", lambda result: _tell(shell, result))
    # IPython's `exit` ends a kernel, and no child can have it: there it ends the child.
    copyreg.pickle(type(shell.user_ns["exit"]), lambda _: (getattr, (sys, "exit")))
    html = shell.display_formatter.formatters["text/html"]
    html.for_type_by_name("cfslib.lessons", "Verdict", _draw)
    if handout.is_older(session):
        shell.events.register("post_run_cell", _say_once(shell))


def _tags(shell: Any) -> list[str]:
    """Return the tags of the cell that runs; JupyterLab sends them with it."""
    metadata = shell.kernel.get_parent("shell").get("metadata", {})
    tags = metadata.get("tags", [])
    return [tag for tag in tags if isinstance(tag, str)]


def _tell(shell: Any, result: Any) -> None:
    """Compare predictions, if the cell got as far as to show what is so."""
    from cfslib.views import quiz

    # A cell may end with an error that it is about.  These say that it showed nothing.
    if isinstance(result.error_in_exec, KeyboardInterrupt | NameError):
        return
    for tag in _tags(shell):
        if tag.startswith(TELLS):
            _display(quiz.tell(tag.removeprefix(TELLS)))


def _show_error(
    shell: Any,
    kind: type,
    caught: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,  # by this name IPython gives it
) -> list[str]:
    from cfslib.views import cards

    lines = cards.error(caught, on_purpose="raises-exception" in _tags(shell))
    shell._showtraceback(kind, caught, lines)
    return lines


def _draw(verdict: Any) -> str:
    from cfslib.views import cards

    return cards.verdict(verdict)


def _say_once(shell: Any) -> Any:
    from cfslib.views.page import element, page

    def say(result: object) -> None:
        shell.events.unregister("post_run_cell", say)
        _display(page(element("p", OLDER, class_="cfs-note", role="status")))

    return say


def _display(drawn: str) -> None:
    from IPython.display import HTML, display

    if drawn:
        display(HTML(drawn))
