"""ahead: one container that is made before anybody asks for it.

To start the command is a third of the work of starting a container; the rest is the
same each time.  So after one container the server makes the next of its kind, as far as
that goes without knowing the command, and keeps it for some seconds.  Its PID 1 waits
for the word to start, as each one does; here it only waits longer.
"""

from cfslib.runtime import channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cfslib.runtime.request import Made, Request

SOON = 0.002  # seconds without a request after which there is time to make one,
LATER = 0.02  # or while the last container runs: its end would be slower, beside that
KEPT = 5  # seconds without a request after which it is ended: nothing stays behind


class Ahead:
    """At most one container that waits for its word."""

    def __init__(self, make: "Callable[[Request], Made]") -> None:
        self._make = make
        self._wanted: Request | None = None  # the last one, for a while
        self._made: Made | None = None

    def patience(self, last_runs: bool) -> "float | None":
        """Return after how many seconds with nothing to do `idle` should be called.

        `last_runs` says if the last container has not ended yet.
        """
        if self._made:
            return KEPT
        if not self._wanted:
            return None
        return LATER if last_runs else SOON

    def idle(self) -> None:
        """Make one, for now there is time; or end one that nobody wanted."""
        wanted, had_one = self._wanted, self._made is not None
        self.end()
        if wanted and not had_one:
            try:
                self._made = self._make(wanted)
                self._wanted = wanted
            except Exception:
                pass  # the next container will find that out too

    def take(self, request: "Request") -> "Made | None":
        """Return a container for this request, if one is ready; the next is like it."""
        made, self._made = self._made, None
        wanted, self._wanted = self._wanted, request
        if request.spec.network not in ("host", "none"):
            self._wanted = None  # it would have ports and an address meanwhile
        if not made:
            return None
        fits = channel.fits(request.spec.argv)
        if fits and wanted and wanted.is_alike(request) and made.is_current():
            return made
        with made:
            return None

    def end(self) -> None:
        """End what was made ahead, and make no other."""
        if self._made:
            self._made.__exit__()
        self._made = self._wanted = None
