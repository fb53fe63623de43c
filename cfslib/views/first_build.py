"""first_build: the rootfs that containers use, built once, with a bar."""

from collections.abc import Callable

import ipywidgets

from cfslib.images.progress import Progress
from cfslib.views.page import Markup, element, page
from cfslib.views.widget import View, bar


def view(build: Callable[[Progress], str]) -> View:
    """Return the bar; `build` returns the rootfs, at once if it is there already.

    The notebook goes on meanwhile.  A container that needs the rootfs waits for it.
    """
    shown, progress = bar("Copying")
    told = ipywidgets.HTML()

    def work() -> None:
        told.value = to_html(build(progress))

    made = View("The rootfs of your containers", shown, told)
    made.in_background(work)
    return made


def to_html(root: str) -> Markup:
    """Say where the rootfs is."""
    return page(element("p", "✓ It is there, in ", element("code", root), "."))
