"""What a step has made is taken again as long as nothing that it depends on changed."""

from pathlib import Path

import pytest

from tests.builder.conftest import Cfs, cached
from tests.conftest import needs_namespaces

pytestmark = needs_namespaces

TEXT = """\
FROM base:1
ARG A=1
ENV E=1
RUN echo $A > /a
COPY dir /dir
RUN ls /dir > /b
"""


@pytest.fixture
def built(cfs: Cfs) -> Cfs:
    """Return `cfs` that has built once."""
    cfs.write({"dir/x": "x\n", "dir/y": "y\n"})
    assert cached(cfs.built(TEXT)) == [False, False, False]
    return cfs


def test_the_same_again_takes_no_step_and_is_the_same_image(built: Cfs) -> None:
    before = built.image
    lines = built.built(TEXT)

    assert cached(lines) == [True, True, True]
    assert "[4/6] CACHED RUN echo $A > /a" in lines
    assert built.image == before


def test_without_the_cache_all_steps_are_taken(built: Cfs) -> None:
    assert cached(built.built(TEXT, "--no-cache")) == [False, False, False]


def test_what_is_in_a_file_counts(built: Cfs) -> None:
    built.write({"dir/x": "X\n"})

    assert cached(built.built(TEXT)) == [True, False, False]


def test_the_mode_of_a_file_counts(built: Cfs) -> None:
    (built.files / "dir/x").chmod(0o755)

    assert cached(built.built(TEXT)) == [True, False, False]


def test_the_name_of_a_file_counts(built: Cfs) -> None:
    (built.files / "dir/x").rename(built.files / "dir/z")

    assert cached(built.built(TEXT)) == [True, False, False]


def test_where_a_link_leads_counts(built: Cfs) -> None:
    link = built.files / "dir/link"
    link.symlink_to("x")
    built.built(TEXT)
    link.unlink()
    link.symlink_to("y")

    assert cached(built.built(TEXT)) == [True, False, False]


def test_times_and_files_that_are_not_copied_do_not_count(built: Cfs) -> None:
    (built.files / "dir/x").touch()
    built.write({"other": "x", ".dockerignore": "dir/ignored\n", "dir/ignored": ""})

    assert cached(built.built(TEXT)) == [True, True, True]


def test_the_value_of_an_argument_counts_from_its_first_command_on(
    built: Cfs,
) -> None:
    assert cached(built.built(TEXT, "--build-arg", "A=2")) == [False] * 3
    assert cached(built.built(TEXT)) == [True] * 3


def test_a_proxy_does_not_count_and_is_in_no_image(built: Cfs) -> None:
    proxy = ("--build-arg", "http_proxy=http://192.0.2.1")

    assert cached(built.built(TEXT, *proxy)) == [True] * 3
    assert "hello http://192.0.2.1" in built.built(
        "FROM base:1\nRUN echo hello $http_proxy\n", *proxy
    )
    assert "192.0.2.1" not in str(built.config)


def test_a_variable_counts_and_a_label_does_not(built: Cfs) -> None:
    labelled = TEXT.replace("ENV E=1", "ENV E=1\nLABEL x=2")
    other = TEXT.replace("ENV E=1", "ENV E=2")

    assert cached(built.built(labelled)) == [True] * 3
    assert cached(built.built(other)) == [False] * 3


def test_the_order_counts(built: Cfs) -> None:
    first, arg, env, run, copy, *rest = TEXT.splitlines(keepends=True)

    assert (
        cached(built.built("".join([first, arg, env, copy, run, *rest]))) == [False] * 3
    )


def test_who_and_where_count(built: Cfs) -> None:
    built.built("FROM base:1\nWORKDIR /srv\nRUN pwd\n")

    assert cached(built.built("FROM base:1\nWORKDIR /data\nRUN pwd\n"))[1] is False
    assert cached(built.built("FROM base:1\nWORKDIR /srv\nRUN pwd\n")) == [True, True]


def test_another_base_counts(built: Cfs) -> None:
    built.built("FROM base:1\nRUN echo other > /other\n")
    assert built("image", "save", "tool:1", built.data / "other.tar").code == 0
    assert built("image", "rm", "tool:1").code == 0
    assert built("image", "load", built.data / "other.tar", "other:1").code == 0

    assert cached(built.built(TEXT.replace("base:1", "other:1"))) == [False] * 3


def test_a_stage_that_changed_is_copied_from_again(built: Cfs) -> None:
    text = "FROM base:1 AS one\nRUN echo {} > /x\nFROM base:1\nCOPY --from=one /x /\n"
    built.built(text.format(1))

    assert cached(built.built(text.format(2))) == [False, False]
    assert built.run("cat", "/x") == "2\n"
    assert cached(built.built(text.format(1))) == [True, True]
    assert built.run("cat", "/x") == "1\n"


def test_a_step_whose_layer_is_gone_is_taken_again(built: Cfs) -> None:
    assert built("image", "rm", "tool:1").code == 0
    assert built("image", "prune").code == 0

    assert cached(built.built(TEXT)) == [False] * 3


def test_a_note_that_is_damaged_is_none(built: Cfs) -> None:
    for note in Path(built.data / "cfs/steps").iterdir():
        note.write_bytes(b'{"layer": 5}')

    assert cached(built.built(TEXT)) == [False] * 3
