"""widget: what all views share.

A view is a box of controls and drawings with a line below that speaks: what is being
done, and what went wrong.  Without that line an exception in a callback would go to the
server's log, where nobody looks.
"""

import threading
import traceback
from collections.abc import Callable
from typing import Any

import ipywidgets

from cfslib.images.progress import Progress
from cfslib.views.page import Child, Markup, element, join, page, prose

WORKING = "Working …"
EXPECTED = (OSError, ValueError)  # what a wrong input or a refusal raises


class View:
    """A box of widgets that the notebook shows, and that says what it is.

    `name` is what a reader sees who has not run the cell: "Host and container".
    """

    def __init__(self, name: str, *children: Any) -> None:
        self.name = name
        self.status = ipywidgets.HTML()
        self.box = ipywidgets.VBox([*children, self.status])
        self.box.add_class("cfs-view")  # for the parts of ipywidgets that need a style
        self.box.layout.padding = "0.4em 0 0 0.4em"  # as much as text has
        self._turn = threading.RLock()
        self._working = False  # in the background

    def __repr__(self) -> str:
        return f"[{self.name}: run this cell to see it]"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """Be shown as the box; in words, without the numbers that change each time."""
        shown: dict[str, Any] = self.box._repr_mimebundle_(**options)
        return shown | {"text/plain": repr(self)}

    def say(self, *words: Child) -> None:
        """Put a sentence below the view; a screen reader speaks it."""
        self.status.value = page(element("p", *words, role="status")) if words else ""

    def attempt(self, action: Callable[[], object]) -> None:
        """Do something that may fail; show how, if it does.

        Each waits for its turn: a text and the click after it may arrive at once, in
        two threads.  While something is done in the background, nothing else is done.
        Controls stay enabled all the time: a disabled one would lose the focus.
        """
        with self._turn:
            if not self._working:
                self.say()
                self._do(action)

    def in_background(self, action: Callable[[], object]) -> threading.Thread:
        """Do something that takes longer than a blink, while the notebook goes on."""
        thread = threading.Thread(target=self._work, args=[action], daemon=True)
        with self._turn:
            if not self._working:
                self._working = True
                self.say(WORKING)
                thread.start()
        return thread

    def _work(self, action: Callable[[], object]) -> None:
        try:
            self._do(action)
        finally:
            self._working = False

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
            if WORKING in self.status.value:
                self.say()
        except Exception as error:  # all of them: the log is no place for an answer
            self.status.value = page(failure(error))


def button(
    label: str, pressed: Callable[[], object], *, icon: str = "", tip: str | None = None
) -> Any:
    """Return a button that calls `pressed`; wrap that in `View.attempt`."""
    made = ipywidgets.Button(description=label, icon=icon, tooltip=tip or label)
    made.layout.width = "auto"
    made.on_click(lambda _: pressed())
    return made


def checkbox(label: str, ticked: bool) -> Any:
    """Return a checkbox as wide as its label."""
    made = ipywidgets.Checkbox(value=ticked, description=label, indent=False)
    made.layout.width = "auto"
    made.layout.margin = "0 1em 0 0"
    return made


def labelled(control: Any, tip: str | None = None) -> Any:
    """Return a control whose label takes the room that it needs, and has a tip."""
    control.style.description_width = "auto"
    control.tooltip = tip or control.description  # or the tip of the label is "null"
    return control


def aligned(number: Any) -> Any:
    """Return a box for a number whose label is as wide as those below it.

    The widths are so many letters, because a reader may have larger ones.
    """
    letter = "var(--jp-widgets-font-size, 13px)"
    labelled(number).style.description_width = f"calc(11 * {letter})"
    number.layout.width = f"calc(18 * {letter})"
    return number


def row(*widgets: Any) -> Any:
    """Return widgets side by side; in a narrow window, below one another."""
    made = ipywidgets.HBox(list(widgets))
    made.layout.flex_flow = "row wrap"
    made.layout.align_items = "center"
    return made


def failure(error: BaseException) -> Markup:
    """Return an error as the reader of a notebook should see it: text, then hints.

    One that is our mistake, and not the machine's answer, comes with its way here.
    """
    hints = (element("p", prose(note)) for note in getattr(error, "__notes__", []))
    way = element(
        "details",
        element("summary", "where"),
        element("pre", "".join(traceback.format_exception(error))),
    )
    return element(
        "div",
        element("p", element("b", "✗ ", type(error).__name__), f": {error}"),
        *hints,
        join() if isinstance(error, EXPECTED) else way,
        class_="cfs-note cfs-bad",
        role="alert",
    )


def bar(label: str) -> tuple[Any, Progress]:
    """Return a bar that is in sight while something goes on, and what moves it.

    What takes long takes such a function, and says how much is done, and of how much.
    """
    made = labelled(ipywidgets.IntProgress(description=label))
    made.layout.display = "none"

    def move(done: int, total: int) -> None:
        made.max, made.value = total, done
        # In words, too: ipywidgets has the bar itself say nothing to a screen reader.
        made.description = f"{label}, {done / max(total, 1):.0%}"
        made.layout.display = "none" if done == total else None

    return made, move
