"""Run tests in several processes at once: `pytest --processes 4`.

Not with pytest-xdist: its workers have a second thread, and a process with several
threads starts its children and containers in another way.  Ours are plain forks.  They
take files of tests from one queue, and send reports to pytest, which prints them as
always.  A test that is marked `alone` is run in the end, beside no other.
"""

import gc
import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

import pytest

Files = list[list[pytest.Item]]
END = "end"  # of the reports of a process
FORK = multiprocessing.get_context("fork")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our option."""
    text = "run tests in so many processes at once"
    parser.addoption("--processes", type=int, default=1, metavar="N", help=text)


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run all tests, unless one process is enough: pytest does that itself."""
    option = session.config.option
    if option.processes < 2 or option.collectonly or session.testsfailed:
        return None
    beside: list[pytest.Item] = []
    alone: list[pytest.Item] = []
    for item in session.items:
        (alone if item.get_closest_marker("alone") else beside).append(item)
    _run_in_processes(session, beside, option.processes)
    for item in _run(alone):
        _stop_if_wanted(item.session)
    return True


def _run(
    items: list[pytest.Item], then: pytest.Item | None = None
) -> Iterator[pytest.Item]:
    """Run these tests, and yield each; `then` is the one that comes after them."""
    for item, after in zip(items, [*items[1:], then], strict=False):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        yield item


def _stop_if_wanted(session: pytest.Session) -> None:
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


# In pytest


def _run_in_processes(
    session: pytest.Session, items: list[pytest.Item], processes: int
) -> None:
    files, (queue, end) = _by_file(items), os.pipe()
    os.write(end, b"".join(map(_packed, range(len(files)))))
    os.close(end)  # so that an empty queue has an end
    # Each worker has a part of the one directory that pytest removes in the end.
    session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    workers: dict[Connection, ForkProcess] = {}
    for number in range(processes):
        reader, writer = FORK.Pipe(duplex=False)
        not_its_own = [reader, *workers]  # or it could write when nobody reads
        arguments = session.config, number, files, queue, writer, not_its_own
        workers[reader] = FORK.Process(target=_work, args=arguments)
        workers[reader].start()
        writer.close()
    try:
        _pass_on(session, list(workers), {item.nodeid: item for item in items})
    finally:
        os.read(queue, 2 * len(files))  # if we stop early, so do they
        os.close(queue)
        for pipe, worker in workers.items():
            pipe.close()
            worker.join()


def _packed(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _by_file(items: list[pytest.Item]) -> Files:
    """Return the tests of each file; files that take long come first."""
    files: dict[object, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(_place(item), []).append(item)
    return sorted(files.values(), key=_is_long, reverse=True)


def _place(item: pytest.Item) -> object:
    """Return a test's file; or the notebook that is open in a browser for all of it."""
    called = getattr(item, "callspec", None)
    return called.params.get("notebook", item.path) if called else item.path


def _is_long(items: list[pytest.Item]) -> tuple[bool, int]:
    return any(item.get_closest_marker("long") for item in items), len(items)


def _pass_on(
    session: pytest.Session, pipes: list[Connection], left: dict[str, pytest.Item]
) -> None:
    """Report what comes from the workers as if the tests had been run here."""
    hook = session.config.hook
    while pipes:
        for pipe in wait(pipes):
            assert isinstance(pipe, Connection)
            try:
                data = pipe.recv()
            except EOFError:
                data = END  # it was killed
            if data == END:
                pipes.remove(pipe)
                continue
            report = hook.pytest_report_from_serializable(
                config=session.config, data=data
            )
            hook.pytest_runtest_logreport(report=report)
            if report.when == "teardown":
                left.pop(report.nodeid)
            _stop_if_wanted(session)
    for name, item in left.items():
        report = pytest.TestReport(
            name, item.location, {}, "failed", "its process ended before it did", "call"
        )
        hook.pytest_runtest_logreport(report=report)


# In a worker


def _work(
    config: pytest.Config,
    number: int,
    files: Files,
    queue: int,
    pipe: Connection,
    not_ours: list[Connection],
) -> None:
    """Run files from the queue until it is empty, and send each report."""
    for reader in not_ours:
        reader.close()
    _move_in(config, number)
    gc.freeze()  # or a child looks through all of it, and has the kernel copy it
    config.pluginmanager.unregister(name="terminalreporter")
    config.pluginmanager.register(_Sender(config, pipe))
    numbers = iter(lambda: os.read(queue, 2), b"")
    try:
        _run_files(files[int.from_bytes(number, "big")] for number in numbers)
        pipe.send(END)  # what a test has left behind may have the pipe open for ever
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # pytest is about to stop


def _run_files(files: Iterator[list[pytest.Item]]) -> None:
    # With the next file at hand, since pytest takes down what that does not need.
    items = next(files, [])
    while items:
        following = next(files, [])
        for _ in _run(items, then=following[0] if following else None):
            pass
        items = following


def _move_in(config: pytest.Config, number: int) -> None:
    """Have files of our own for what is printed, and for what is temporary."""
    temporary = config._tmp_path_factory  # type: ignore[attr-defined]
    temporary._basetemp = temporary.getbasetemp() / f"process-{number}"
    temporary._basetemp.mkdir(0o700)
    capture = config.pluginmanager.get_plugin("capturemanager")
    assert capture
    capture.stop_global_capturing()
    capture.start_global_capturing()
    capture.suspend_global_capture()


class _Sender:
    """Sends reports in place of printing them."""

    def __init__(self, config: pytest.Config, pipe: Connection) -> None:
        self._config = config
        self._pipe = pipe

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send a report."""
        hook = self._config.hook
        data = hook.pytest_report_to_serializable(config=self._config, report=report)
        self._pipe.send(data)
