"""The rootfs: what a program needs, with marks that need no colour."""

from pathlib import Path

import pytest
from hypothesis import given

from cfslib.images.inventory import Directory, Lack, Look
from cfslib.images.needs import Need
from cfslib.views import rootfs_tree
from tests.views.trees import HOSTILE

pytestmark = pytest.mark.alike

LIBC = Need("libc.so.6", Path("/lib/libc.so.6"), there=False)
SH = Need("/bin/sh", Path("/bin/sh"), there=True, needs=(LIBC,))
LOOK = Look(
    SH,
    [Directory("bin", None, 1, 0, 1500), Directory("lib", "usr/lib", 0, 0, 0)],
    [Lack("names for user ids", Path("/etc/passwd"), "whoami")],
)


def test_what_is_missing_is_said_in_words_and_marked() -> None:
    drawn = rootfs_tree.to_html(LOOK)

    assert "1 file is missing, so /bin/sh cannot run here." in drawn
    assert 'aria-label="is missing"' in drawn
    assert "<code>libc.so.6</code></mark>" in drawn
    assert "belongs in /lib" in drawn


def test_when_all_is_there_it_says_so() -> None:
    whole = Need("/bin/true", Path("/bin/true"), there=True)
    drawn = rootfs_tree.to_html(Look(whole, [], []))

    assert "Nothing is missing" in drawn
    assert "<mark>" not in drawn


def test_directories_show_their_size_and_where_links_lead() -> None:
    drawn = rootfs_tree.to_html(LOOK)

    assert "1.5 kB" in drawn
    assert "Links: /lib leads to usr/lib." in drawn
    assert "/etc/passwd" in drawn


@given(HOSTILE)
def test_a_library_may_have_any_name(name: str) -> None:
    def drawn(name: str) -> str:
        need = Need(name, None, there=False)
        return rootfs_tree.to_html(Look(need, [Directory(name, name, 0, 0, 0)], []))

    assert drawn(name).count("<") == drawn("a").count("<")
    assert drawn(name).count('"') == drawn("a").count('"')


def test_another_program_is_looked_up_when_it_is_typed() -> None:
    asked: list[str] = []

    def look(program: str) -> Look:
        asked.append(program)
        if program == "":
            raise ValueError("which program?")
        return LOOK

    view = rootfs_tree.explorer(look, "sh")
    row, picture, status = view.box.children
    text, button = row.children
    text.value = "ls"
    button.click()

    assert asked == ["sh", "ls", "ls"]
    assert picture.value == rootfs_tree.to_html(LOOK)
    text.value = ""
    assert "which program?" in status.value
