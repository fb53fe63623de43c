"""ahead: one container that is made before anybody asks for it.

To start the command is a third of the work of starting a container; the rest is the
same each time.  So after one container the play server makes the next of its kind, as
far as that goes without knowing the command, and keeps it for some seconds.  It has
been through all the calls of its recipe, and waits; whether the recipe still holds is
looked at when it is used.
"""

from cfslib import orders
from cfslib.player import Deviation
from cfslib.replay import Made

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.janitor import Janitor
    from cfslib.shelf import Recipe

SOON = 0.002  # seconds without a request after which there is time to make one
KEPT = 5  # seconds without a request after which it is ended: nothing stays behind


class Ahead:
    """At most one container that waits for its orders."""

    def __init__(self) -> None:
        self._wanted: Recipe | None = None  # of the last container, for a while
        self._recipe: Recipe | None = None  # of what was made
        self._made: Made | None = None

    @property
    def patience(self) -> "float | None":
        """Return after how many seconds without a request `idle` should be called."""
        if self._recipe is self._wanted:
            return KEPT if self._made else None
        return SOON

    def idle(self, janitor: "Janitor | None") -> None:
        """Make one, for now there is time; or end it, for it was not wanted."""
        wanted = self._wanted if self._wanted is not self._recipe else None
        self.end()
        if wanted:
            try:
                self._made = ready(wanted, janitor)
                self._wanted = self._recipe = wanted
            except Deviation:
                pass  # the next container will find that out too

    def take(self, recipe: "Recipe") -> "Made | None":
        """Return what was made ahead, if it is of this kind; then the next will be."""
        self._wanted = recipe
        if recipe is not self._recipe:
            return None
        made, self._made, self._recipe = self._made, None, None
        return made

    def end(self) -> None:
        """End what was made ahead, and make no other."""
        if self._made:
            with self._made:
                pass
        self._made = self._recipe = self._wanted = None


def ready(recipe: "Recipe", janitor: "Janitor | None") -> Made:
    """Make a container that waits for its orders."""
    made = Made(recipe, orders.take)
    try:
        made.prepare(janitor)
    except Deviation:
        with made:
            raise
    return made
