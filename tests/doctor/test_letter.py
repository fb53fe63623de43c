import os
import socket
from pathlib import Path

import pytest

from cfslib.doctor import letter
from cfslib.doctor.report import WIDTH, examine
from cfslib.doctor.trials import Finding

PLACE = "/home/ada/.cache/cfs"


@pytest.fixture
def ada(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be somebody with a name."""
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("USER", "ada")


@pytest.mark.usefixtures("ada")
def test_a_letter_names_nobody() -> None:
    host = socket.gethostname()
    state = f"{PLACE}/rootfs-1 of ada on {host} is not as it was built"
    page = letter.letter([Finding("rootfs", state, f"rm -r {PLACE}/rootfs-1")])

    assert "rm -r ~/.cache/cfs/rootfs-1" in page
    for name in ("ada", host):
        assert name not in page


@pytest.mark.usefixtures("ada")
def test_a_home_that_is_not_below_home_is_not_told_either() -> None:
    assert "scratch/USER/cache" in letter.letter([Finding("x", "/scratch/ada/cache")])


def test_a_name_within_a_word_is_no_name() -> None:
    assert letter.without("adapter of ada", {"ada": "USER"}) == "adapter of USER"


def test_a_letter_fits_into_80_columns() -> None:
    remedy = "docker run " + "--security-opt apparmor=unconfined " * 4
    findings = [*examine(), Finding("x", "many words " * 20, remedy.strip())]
    page = letter.letter(findings)

    assert max(map(len, page.splitlines())) <= WIDTH


def test_a_letter_has_what_was_tried_and_what_to_type() -> None:
    page = letter.letter([Finding("overlay", "none", "sudo modprobe overlay")])

    assert "note  overlay           none\n      type: sudo modprobe overlay" in page
    assert "Containers can be made here." in page
    assert os.uname().release in page


def test_a_place_that_is_not_there_yet_has_a_disk(tmp_path: Path) -> None:
    free, _, rest = letter._disk(f"{tmp_path}/not/yet").partition(" MB free")

    assert int(free.replace(",", "")) > 0
    assert rest.startswith(" for the cache")


def test_a_port_that_somebody_has_is_said_to_be_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(letter, "PORT", server.getsockname()[1])
        taken = letter._port()
    free = letter._port()

    assert "is in use" in taken
    assert "is free" in free
