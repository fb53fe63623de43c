"""scales: weigh processes, also those that only root may weigh.

The proportional set size (PSS) of a process counts a page that several share by the
part each has in it; see smaps_rollup in proc(5).  PID 1 of a container lets nobody look
into it but root.  So where root runs the benchmark, it weighs for the user too: `open`
answers at a socket in the directory of the things, as long as a `with` block.
"""

import json
import socket
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

NAME = "scales"


def weigh(things: Path, pids: Iterable[int]) -> list[int | None]:
    """Return the PSS of each process in KB; None where we may not know."""
    if not (things / NAME).exists():
        return [pss(pid) for pid in pids]
    with socket.socket(socket.AF_UNIX) as scales:
        scales.connect(str(things / NAME))
        with scales.makefile("rw") as stream:
            print(json.dumps(list(pids)), file=stream, flush=True)
            weights: list[int | None] = json.loads(stream.readline())
            return weights


def pss(pid: int) -> int | None:
    """Return the PSS of a process in KB, or None if we may not know."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (PermissionError, ProcessLookupError, FileNotFoundError):
        return None
    return int(text.partition("\nPss:")[2].split()[0])


@contextmanager
def opened(things: Path) -> Generator[None]:
    """Weigh with our rights for those who ask, for the length of a `with` block."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(things / NAME))
        (things / NAME).chmod(0o666)
        server.listen()
        threading.Thread(target=_serve, args=(server,), daemon=True).start()
        try:
            yield
        finally:
            (things / NAME).unlink()
            server.shutdown(socket.SHUT_RDWR)  # which ends the thread


def _serve(server: socket.socket) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return  # it was shut down
        with client, client.makefile("rw") as stream:
            pids = json.loads(stream.readline())
            print(json.dumps([pss(pid) for pid in pids]), file=stream, flush=True)
