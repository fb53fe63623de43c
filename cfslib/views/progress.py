"""progress: what was predicted, what is done, and a way back to the start."""

from collections.abc import Callable, Sequence

import ipywidgets

from cfslib.images.progress import Progress
from cfslib.lessons.journal import Chapter, Exercise
from cfslib.views.page import Markup, element, join, page, table
from cfslib.views.widget import View, bar, button, labelled, row


def view(
    read: Callable[[], Sequence[Chapter]],
    reset: Callable[[str], object],
    end: Callable[[], int],
    check: Callable[[str, Progress], object],
    award: View | None = None,
) -> View:
    """Return the list; `reset` takes the name of a notebook and returns what it kept.

    `end` ends the containers that still run, and returns how many there were.  `check`
    takes the name of a notebook, runs its checks, and says how far it is.
    `award` is in sight when all is done.
    """
    picture = ipywidgets.HTML()
    names = [chapter.name for chapter in read()]
    which = labelled(ipywidgets.Dropdown(description="Notebook", options=names))

    which.layout.width = "18em"

    def draw() -> None:
        chapters = read()
        picture.value = to_html(chapters)
        if award:
            all_done = all(exercise.done for c in chapters for exercise in c.exercises)
            award.box.layout.display = None if all_done else "none"

    def start_over() -> None:
        kept = reset(which.value)
        draw()
        shown.say(
            f"{which.value} is as it was handed out.  In its tab, choose “Reload "
            f"Notebook from Disk” in the menu File.  Yours is kept as {kept}"
        )

    def run_checks() -> None:
        name = which.value
        check(name, move)
        draw()
        shown.say(f"{name} was run as it is saved; above is what its checks say.")

    def end_all() -> None:
        ended = end()
        shown.say(f"{ended} ended." if ended else "None was running.")

    working, move = bar("Running")
    shown = View(
        "Progress",
        picture,
        row(
            which,
            button(
                "Run its checks", lambda: shown.in_background(run_checks), icon="check"
            ),
            button("Back to the start", lambda: shown.attempt(start_over), icon="undo"),
            button("End all containers", lambda: shown.attempt(end_all), icon="stop"),
            button("Look again", lambda: shown.attempt(draw), icon="refresh"),
        ),
        working,
        *([award.box] if award else []),
    )
    shown.attempt(draw)
    return shown


def to_html(chapters: Sequence[Chapter]) -> Markup:
    """Return a table: a notebook a row, with what is done and what is open."""
    done = sum(chapter.done for chapter in chapters)
    total = sum(len(chapter.exercises) for chapter in chapters)
    return page(
        element(
            "p",
            element("progress", value=done, max=total, aria_label="exercises"),
            f" {done} of {total} exercises done",
        ),
        table(
            "How far you are",
            ["notebook", "exercises", "predictions"],
            [
                [_name(c), join(*map(_line, c.exercises)), _predictions(c)]
                for c in chapters
            ],
        ),
    )


def _name(chapter: Chapter) -> Markup:
    newer = join(
        element("div", "There is a newer one."),
        element("div", "“Back to the start” brings it."),
    )
    return join(chapter.name, newer if chapter.older else "")


def _predictions(chapter: Chapter) -> str:
    made = f"{chapter.predicted} of {chapter.asked}"
    return f"{made}, {chapter.right} right" if chapter.predicted else made


def _line(exercise: Exercise) -> Markup:
    mark, state = ("✓", "done") if exercise.done else ("○", "open")
    text = f"{mark} {exercise} ({state})"
    return element("div", text, class_=None if exercise.done else "cfs-faint")
