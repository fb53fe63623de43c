import os
import signal
import threading
import time

import pytest

from cfslib.children.in_child import in_child
from cfslib.kernel.kept_back import HandlersKeptBack, KeptBack

WAYS = [KeptBack, HandlersKeptBack]


class Heard(Exception):
    """What the handler raises."""


def hear(*_: object) -> None:
    raise Heard


def send() -> None:
    os.kill(os.getpid(), signal.SIGALRM)


@pytest.mark.parametrize("way", WAYS)
def test_a_signal_waits_until_we_wait(way: type[KeptBack]) -> None:
    def child() -> list[str]:
        story = []
        signal.signal(signal.SIGALRM, hear)
        try:
            with way() as kept:
                send()
                story.append("made")
                try:
                    kept.wait(lambda: time.sleep(60))
                finally:
                    send()
                    story.append("taken down")
        except Heard:
            story.append("heard")
        return story

    assert in_child(child) == ["made", "taken down", "heard"]


@pytest.mark.parametrize("way", WAYS)
def test_a_signal_while_nobody_waits_comes_at_the_end(way: type[KeptBack]) -> None:
    def child() -> str:
        signal.signal(signal.SIGALRM, hear)
        with pytest.raises(Heard), way():
            send()
        return "heard"

    assert in_child(child) == "heard"


@pytest.mark.parametrize("way", WAYS)
def test_all_is_afterwards_as_it_was(way: type[KeptBack]) -> None:
    def state() -> list[object]:
        numbers = (signal.SIGINT, signal.SIGALRM, signal.SIGTERM, signal.SIGUSR1)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return [mask, *map(signal.getsignal, numbers)]

    def child() -> bool:
        signal.signal(signal.SIGALRM, hear)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        before = state()
        with way() as kept:
            kept.wait(lambda: None)
        with pytest.raises(ZeroDivisionError), way() as kept:
            kept.wait(lambda: 1 / 0)
        with pytest.raises(Heard), way():
            send()
        return state() == before

    assert in_child(child)


def test_another_thread_has_no_handlers_to_keep_back() -> None:
    def child() -> bool:
        before = signal.getsignal(signal.SIGINT)
        same = []

        def look() -> None:
            with HandlersKeptBack() as kept:
                same.append(signal.getsignal(signal.SIGINT) is before)
                kept.wait(lambda: None)

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        return same == [True]

    assert in_child(child)
