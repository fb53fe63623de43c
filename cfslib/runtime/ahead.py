"""ahead: one container that is made before anybody asks for it.

To start the command is a third of the work of starting a container; the rest is the
same each time.  So after one container the play server makes the next of its kind, as
far as that goes without knowing the command, and keeps it for some seconds.  It has
been through all the calls of its recipe, and waits.

The client is told, and may tell this PID 1 itself what to run, before it asks the
server.  That saves a way, and no more: the server looks whether the recipe still
holds, and only on its word the command is started.

At the many files that a rootfs of everyday tools came from it has looked when it made
the container, and now it looks at their directories.  What somebody has written into
one of those files since then, some seconds ago at most, the next container shows.
"""

from cfslib.runtime import orders, shelf
from cfslib.runtime.player import Deviation
from cfslib.runtime.replay import Made

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cfslib.isolation.cgroups.janitor import Janitor
    from cfslib.runtime.player import Order
    from cfslib.runtime.shelf import Recipe

SOON = 0.002  # seconds without a request after which there is time to make one,
LATER = 0.02  # or while the last container runs: its end would be slower, beside that
KEPT = 5  # seconds without a request after which it is ended: nothing stays behind


class Ahead:
    """At most one container that waits for its orders."""

    def __init__(self) -> None:
        self._wanted: Recipe | None = None  # of the last container, for a while
        self._recipe: Recipe | None = None  # of what was made
        self._made: Made | None = None

    def patience(self, last_runs: bool) -> "float | None":
        """Return after how many seconds with nothing to do `idle` should be called.

        `last_runs` says if the last container has not ended yet.
        """
        if self._recipe is self._wanted:
            return KEPT if self._made else None
        return LATER if last_runs else SOON

    def idle(self, janitor: "Janitor | None") -> "Made | None":
        """Make one and return it, for now there is time; or end one nobody wanted."""
        wanted = self._wanted if self._wanted is not self._recipe else None
        self.end()
        if wanted:
            try:
                self._made = _ready_ahead(wanted, janitor)
                self._wanted = self._recipe = wanted
            except Deviation:
                pass  # the next container will find that out too
        return self._made

    def take(self, recipe: "Recipe", name: bytes) -> "Made | None":
        """Return what was made ahead, if it has this name; the next will be like it.

        Under any other name it stays behind: its client has let go of it, or has not
        come this far.
        """
        self._wanted, self._recipe = recipe, None
        if not self._made or self._made.name != name:
            return None
        made, self._made = self._made, None
        return made

    def end(self) -> None:
        """End what was made ahead, and make no other."""
        if self._made:
            with self._made:
                pass
        self._made = self._recipe = self._wanted = None


def _ready_ahead(recipe: "Recipe", janitor: "Janitor | None") -> Made:
    try:
        places = shelf.places(recipe)  # first, so that no later change is missed
    except OSError:
        raise Deviation("places") from None
    if not shelf.are_as_before(recipe["stamps"]):
        raise Deviation("are_as_before")
    made = ready(recipe, janitor, lambda: orders.take(recipe["path"]))
    made.places = places
    return made


def ready(
    recipe: "Recipe",
    janitor: "Janitor | None",
    order: "Callable[[], Order]",
    streams: "Sequence[int]" = (),
) -> Made:
    """Make a container to which nothing is missing but the word; see `replay.Made`."""
    made = Made(recipe, order, streams)
    try:
        made.begin()
        made.prepare(janitor)
    except Deviation:
        with made:
            raise
    return made
