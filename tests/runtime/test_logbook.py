"""The log of a container: all that is printed comes back, and it takes little room."""

import os
import resource
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cfslib.children.in_child import in_child
from cfslib.cli.life_logs import last_lines
from cfslib.kernel import syscalls
from cfslib.runtime.logbook import STDERR, STDOUT, Entry, Log, Reader
from tests.conftest import in_own_mounts, needs_namespaces


def texts(entries: list[Entry]) -> dict[bytes, bytes]:
    """Return what was printed, by stream."""
    return {
        stream: b"".join(entry.text for entry in entries if entry.stream == stream)
        for stream in (STDOUT, STDERR)
    }


def read(path: Path) -> list[Entry]:
    reader = Reader(str(path))
    entries = list(reader.now())
    reader.close()
    return entries


LINES = st.binary(max_size=20) | st.sampled_from([b"\n", b"a\n", b"\r\n", b"\n\n"])
PRINTED = st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), LINES))


@given(PRINTED)
def test_every_byte_comes_back_from_its_stream(
    printed: list[tuple[bytes, bytes]],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "log")
        log = Log(str(path))
        for stream, data in printed:
            log.write(stream, data)
        log.close()
        found = texts(read(path))

    for stream in (STDOUT, STDERR):
        assert found[stream] == b"".join(data for on, data in printed if on == stream)


@given(PRINTED, st.integers(0, 5))
def test_the_last_lines_are_those_of_a_log_of_that_length(
    printed: list[tuple[bytes, bytes]], number: int
) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "log")
        log = Log(str(path))
        for _, data in printed:
            log.write(STDOUT, data)
        log.close()
        entries = read(path)
    lines = b"".join(data for _, data in printed).splitlines(keepends=True)
    # Not what Python takes for the end of a line: a newline alone is one.
    whole = b"".join(lines).split(b"\n")
    kept = [line + b"\n" for line in whole[:-1]] + [rest for rest in whole[-1:] if rest]

    found = texts(list(last_lines(entries, number)))[STDOUT]
    assert found == b"".join(kept[len(kept) - number :] if number < len(kept) else kept)


def test_a_log_keeps_the_last_of_it_in_two_files_at_most(tmp_path: Path) -> None:
    path, most = tmp_path / "log", 4096
    log = Log(str(path), most)
    for number in range(2000):
        log.write(STDOUT, b"%d\n" % number)
    log.close()
    found = [int(entry.text) for entry in read(path)]

    assert sorted(os.listdir(tmp_path)) == ["log", "log.1"]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2 * most
    assert found == list(range(found[0], 2000))
    assert len(found) > 40


def test_whoever_reads_while_it_is_written_misses_nothing(tmp_path: Path) -> None:
    log, reader = Log(str(tmp_path / "log"), 4096), Reader(str(tmp_path / "log"))
    found: list[int] = []
    for number in range(2000):
        log.write(STDOUT, b"%d\n" % number)
        if number % 7 == 0:
            found += [int(entry.text) for entry in reader.now()]
    found += [int(entry.text) for entry in reader.now()]
    log.close()
    reader.close()

    assert found == list(range(2000))


def test_what_has_no_end_yet_is_read_later(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"T stdout F on")
    reader = Reader(str(path))
    before = list(reader.now())
    with path.open("ab") as file:
        file.write(b"e\nT stdout P tw")
    after = list(reader.now())
    reader.close()

    assert before == []
    assert after == [Entry(b"T", STDOUT, b"one\n", True)]


@needs_namespaces
def test_where_the_disk_is_full_the_log_has_a_gap_and_says_so(tmp_path: Path) -> None:
    def fill() -> list[bytes]:
        syscalls.mount("none", tmp_path, "tmpfs", options="size=64k")
        log = Log(str(tmp_path / "log"))
        log.write(STDOUT, b"before\n")
        filler = tmp_path / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        for _ in range(500):  # more than the page that the log has already
            log.write(STDOUT, b"lost for want of room\n")
        filler.unlink()
        log.write(STDOUT, b"after\n")
        log.close()
        return [entry.text for entry in read(tmp_path / "log")]

    first, *kept, told, last = in_own_mounts(fill)

    assert (first, last) == (b"before\n", b"after\n")
    assert set(kept) == {b"lost for want of room\n"}
    lost = (500 - len(kept)) * len(kept[0])
    assert told == b"cfs: %d bytes are missing here: no room on the disk\n" % lost


def test_a_log_that_may_not_grow_hinders_nobody(tmp_path: Path) -> None:
    def write() -> list[bytes]:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        log = Log(str(tmp_path / "log"))
        for _ in range(10):
            log.write(STDOUT, b"more\n")
        return [entry.text for entry in read(tmp_path / "log")]

    assert set(in_child(write)) == {b"more\n"}
