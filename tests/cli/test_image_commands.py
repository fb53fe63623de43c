"""`cfs image` as its users see it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from cfslib.cli import image_commands, image_tables
from cfslib.images import picked
from cfslib.images.config import Config, Step
from cfslib.images.descriptor import Descriptor
from cfslib.images.manifests import Manifest
from cfslib.images.picked import Picked
from tests.conftest import needs_user_namespaces
from tests.images.handmade import HERE, Layout, layer

CFS = [sys.executable, "-m", "cfslib.cli.entry", "image"]
BASE = layer({"bin/": b"", "bin/sh": b"shell"})
LONG = "localhost:5000/a-team-with-a-name/and-a-tool-with-another:1.2.3"

pytestmark = needs_user_namespaces


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Return a layout, and have a store of our own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return Layout(tmp_path / "made")


def cfs(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CFS, *map(str, words)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def printed(*words: str | Path) -> str:
    done = cfs(*words)
    said = [line for line in done.stderr.splitlines() if "is recorded" not in line]

    assert (said, done.returncode) == ([], 0)
    return done.stdout


def complaint(*words: str | Path) -> str:
    done = cfs(*words)
    cause, *advice = done.stderr.splitlines()

    assert (done.stdout, done.returncode) == ("", 125)
    assert len(advice) <= 1
    return cause


def test_an_image_comes_is_looked_at_and_goes(made: Layout) -> None:
    made.image("tool:1", [BASE], Cmd=["sh"], Labels={"a": "ä"})

    assert printed("load", made.place) == "Loaded image: tool:1\n"
    assert printed("load", made.place, "mine") == "Loaded image: mine:latest\n"
    head, *rows = printed("ls").splitlines()
    assert head.split() == ["NAME", "ID", "CREATED", "SIZE"]
    assert [row.split()[0] for row in rows] == ["mine:latest", "tool:1"]
    assert printed("rm", "mine") == "Untagged: mine:latest\n"
    assert printed("rm", "tool:1").startswith("Untagged: tool:1\nDeleted: sha256:")
    assert printed("ls").splitlines() == [head]
    assert printed("prune") == "Total reclaimed space: 0B\n"


def test_an_id_stands_for_all_names_of_an_image(made: Layout) -> None:
    made.image("tool:1", [BASE])
    printed("load", made.place)
    printed("load", made.place, "mine:2")
    (about,) = json.loads(printed("inspect", "tool:1"))
    id_ = about["Id"][7:19]

    assert complaint("rm", id_) == f"cfs: {id_} has 2 names"
    said = printed("rm", "--force", id_).splitlines()
    assert said[:2] == ["Untagged: mine:2", "Untagged: tool:1"]
    assert len(printed("ls").splitlines()) == 1
    printed("load", made.place)
    assert printed("rm", id_).startswith("Untagged: tool:1\nDeleted: ")


def test_where_there_was_never_an_image_there_is_none(made: Layout) -> None:
    assert len(printed("ls").splitlines()) == 1
    assert printed("prune") == "Total reclaimed space: 0B\n"
    assert not Path(os.environ["XDG_DATA_HOME"]).exists()


def test_owners_that_are_recorded_are_spoken_of_once(made: Layout) -> None:
    made.image("tool:1", [BASE])
    first, again = cfs("load", made.place), cfs("load", made.place)

    assert len(first.stderr.splitlines()) <= 1
    assert again.stderr == ""


def test_inspect_prints_a_list_as_docker_does(made: Layout) -> None:
    about: dict[str, Any] = {
        "Cmd": ["sh"],
        "Env": ["A=1"],
        "Labels": {"a": "ä"},
        "ExposedPorts": {"80/tcp": {}},
        "StopSignal": "SIGQUIT",
    }
    made.image("tool:1", [BASE], **about)
    printed("load", made.place)
    printed("load", made.place, "mine:2")
    text = printed("inspect", "tool:1", "mine:2")
    (found, same) = json.loads(text)

    assert found == same
    assert found["RepoTags"] == ["mine:2", "tool:1"]
    assert found["Config"].items() >= about.items()
    assert found["Architecture"] == HERE
    assert found["RootFS"]["Type"] == "layers"
    assert Path(found["Tree"], "bin/sh").exists()
    assert found["Id"].startswith("sha256:")
    assert printed("inspect", found["Id"][7:19]) == printed("inspect", "tool:1")


@pytest.mark.parametrize("word", ["inspect", "history", "rm", "save"])
def test_no_such_image_is_one_line(word: str, made: Layout, tmp_path: Path) -> None:
    more = [tmp_path / "x"] if word == "save" else []

    assert complaint(word, "tool:1", *more) == "cfs: no image tool:1 here"
    assert "not the name of an image" in complaint(word, "Tool:1", *more)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["load"], "required: FILE|DIR"),
        (["load", "/no/such/file"], "/no/such/file: No such file or directory"),
        (["load", "/etc/passwd"], "/etc/passwd"),
        (["load", "/etc"], "/etc"),
        (["load", "a", "b", "c"], "unrecognized arguments: c"),
        (["pack"], "invalid choice: 'pack'"),
        (["save", "--format", "zip", "a", "b"], "neither oci nor docker"),
        (["rm"], "required: NAME"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    words: list[str], why: str, made: Layout
) -> None:
    assert why in complaint(*words)


@pytest.mark.parametrize("number", range(2))
def test_what_is_damaged_is_one_line(number: int, made: Layout, tmp_path: Path) -> None:
    made.image("tool:1", [BASE])
    spoiled = sorted((made.place / "blobs/sha256").iterdir())[number]
    spoiled.write_bytes(spoiled.read_bytes()[:-1])

    assert complaint("load", made.place).startswith("cfs: ")
    assert len(printed("ls").splitlines()) == 1


@pytest.mark.parametrize(
    ("place", "options"),
    [("x.tar", []), ("x/", []), ("x.tar", ["--format", "docker"])],
)
def test_what_is_saved_is_loaded_again(
    place: str, options: list[str], made: Layout, tmp_path: Path
) -> None:
    made.image("tool:1", [BASE, layer({"x": b""})], Cmd=["sh"])
    printed("load", made.place)
    (before,) = json.loads(printed("inspect", "tool:1"))
    assert printed("save", *options, "tool:1", f"{tmp_path}/{place}") == ""
    printed("rm", "tool:1")

    assert printed("load", tmp_path / place) == "Loaded image: tool:1\n"
    (after,) = json.loads(printed("inspect", "tool:1"))
    assert (after["Id"], after["RootFS"]) == (before["Id"], before["RootFS"])


def test_nothing_that_is_there_is_replaced_by_an_archive(
    made: Layout, tmp_path: Path
) -> None:
    made.image("tool:1", [BASE])
    printed("load", made.place)
    (tmp_path / "x").write_text("precious")

    assert "x" in complaint("save", "tool:1", tmp_path / "x")
    assert (tmp_path / "x").read_text() == "precious"


def test_the_help_names_every_action(made: Layout) -> None:
    about = image_commands.IMAGE.about

    for action in image_commands.ACTIONS:
        assert f"\n    {action} " in about
        assert f"usage: cfs image {action} " in printed(action, "--help")


# On a terminal


def at_a_terminal(*words: str | Path) -> str:
    return str(
        pexpect.run(
            " ".join([*CFS, *map(str, words)]),
            env={**os.environ, "TERM": "xterm"},
            encoding="utf-8",
            dimensions=(24, 80),
            timeout=60,
        )
    )


def test_a_load_is_shown_on_a_terminal_and_in_a_pipe_it_is_not(made: Layout) -> None:
    made.image("tool:1", [BASE])
    said = at_a_terminal("load", made.place)

    assert "Loading made [" in said
    assert "100%" in said
    assert said.endswith("Loaded image: tool:1\r\n")
    assert cfs("load", made.place).stderr == ""


@pytest.mark.parametrize("word", ["ls", "history"])
def test_tables_are_the_same_in_a_terminal_and_in_a_pipe(
    word: str, made: Layout
) -> None:
    made.image(LONG, [BASE] * 3)
    printed("load", made.place)
    words = [word, LONG] if word == "history" else [word]

    assert at_a_terminal(*words).splitlines() == printed(*words).splitlines()


# Tables


def image(name: str, **parts: Any) -> Picked:
    digest = f"sha256:{'0123456789ab' * 5}0000"
    return Picked(f"docker.io/library/{name}", digest, digest, "/x", "real", **parts)


def test_a_table_of_images_fits_on_80_columns() -> None:
    created = "2026-01-02T03:04:05.678Z"
    rows = [
        *image_tables.images(
            [
                image("b:1", size=4_260_000, created=created),
                image("a:1", size=999_999_999_999),
                image(f"{'long/' * 20}x:1", created="0001-01-01T00:00:00Z"),
            ]
        )
    ]

    assert rows[1].split() == ["a:1", "0123456789ab", "-", "1e+03GB"] or rows[1].split()
    assert rows[2].split() == ["b:1", "0123456789ab", "2026-01-02", "4.26MB"]
    assert rows[3].endswith("x:1")  # a line of its own
    assert rows[4].split() == ["0123456789ab", "-", "0B"]
    assert all(len(row) <= 80 for row in [*rows[:3], rows[4]])


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1kB"),
        (1234, "1.23kB"),
        (999_999, "1MB"),
        (999_400, "999kB"),
        (123_456_789, "123MB"),
        (5_000_000_000, "5GB"),
        (10**18, "1000PB"),
    ],
)
def test_a_size_has_three_digits(count: int, text: str) -> None:
    assert image_tables.size(count) == text


STEPS = (
    Step("2026-01-01T00:00:00Z", "ADD rootfs.tar / # base"),
    Step("", "ENV A=1", is_empty=True),
    Step("2026-01-02T00:00:00Z", f"RUN  {'x' * 100}\n\ty", "by hand"),
)
LAYERS = Manifest(
    Descriptor("", "", 0), (Descriptor("", "", 2000), Descriptor("", "", 30))
)


def test_history_begins_at_the_top_and_says_what_made_each_layer() -> None:
    rows = list(image_tables.history(Config((), history=STEPS), LAYERS))
    whole = list(image_tables.history(Config((), history=STEPS), LAYERS, whole=True))

    assert [row.split()[:2] for row in rows[1:]] == [
        ["2026-01-02", "30B"],
        ["-", "0B"],
        ["2026-01-01", "2kB"],
    ]
    assert all(len(row) <= 80 for row in rows)
    assert rows[1].endswith("xxx...")
    assert whole[1].endswith("x y # by hand")
    assert rows[2].endswith("ENV A=1")


def test_layers_of_which_nobody_wrote_down_how_they_were_made_are_listed_too() -> None:
    rows = list(image_tables.history(Config(()), LAYERS))

    assert [row.split() for row in rows[1:]] == [["-", "30B", "-"], ["-", "2kB", "-"]]


def test_the_lowest_layers_are_those_of_which_nobody_did() -> None:
    rows = list(image_tables.history(Config((), history=STEPS[1:]), LAYERS))

    assert [row.split()[1] for row in rows[1:]] == ["30B", "0B", "2kB"]
    assert rows[-1].endswith(" -")


def test_where_images_are_is_said_where_there_is_no_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    with pytest.raises(FileNotFoundError, match="so no images"):
        picked.directory({b"HOME": b"relative"})
