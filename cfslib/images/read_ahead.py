"""read_ahead: read a stream in a thread, while what it brought is being used.

zlib and hashlib let other threads run meanwhile, as do the calls that write files.  So
to inflate, to hash and to write take as long as the longest of the three.
"""

import os
import queue
import threading
import time
from typing import Self

from cfslib.images.contents import Stream

_BLOCK = 1 << 18
_DEPTH = 6  # blocks that wait: a file that takes long to write holds nobody up


class Ahead:
    """A stream that is read ahead for the length of a `with` block."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._blocks: queue.Queue[bytes | BaseException] = queue.Queue(_DEPTH)
        self._is_over = False
        self._rest = b""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        while self._thread.is_alive():
            try:
                self._blocks.get(timeout=0.01)  # it may wait for room
            except queue.Empty:
                pass
        self._thread.join()
        # Python knows of its end before the kernel, and who has threads cannot fork.
        while os.path.exists(f"/proc/self/task/{self._thread.native_id}"):
            time.sleep(0.0001)

    def read1(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        block = self._rest or self._next()
        self._rest = block[size:]
        return block[:size]

    def _next(self) -> bytes:
        if self._is_over:
            return b""
        found = self._blocks.get()
        self._is_over = not found or isinstance(found, BaseException)
        if isinstance(found, BaseException):
            raise found
        return found

    def _run(self) -> None:
        try:
            while not self._is_over:
                block = self._stream.read1(_BLOCK)
                self._blocks.put(block)
                if not block:
                    return
        except BaseException as error:  # whoever reads gets it
            self._blocks.put(error)
