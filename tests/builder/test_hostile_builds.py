"""Dockerfiles and contexts that mean no good, or make no sense: one line says why."""

import os
import socket
from pathlib import Path

import pytest

from tests.builder.conftest import Cfs
from tests.conftest import needs_namespaces

pytestmark = [needs_namespaces, pytest.mark.long]


@pytest.fixture
def secret(cfs: Cfs) -> Path:
    """Return a file beside what may be copied, to which links lead."""
    path = cfs.files.parent / "secret"
    path.write_text("secret\n")
    (cfs.files / "out").symlink_to("../secret")
    (cfs.files / "absolute").symlink_to(path)
    (cfs.files / "up").symlink_to("..")
    (cfs.files / "dir").mkdir()
    (cfs.files / "dir/link").symlink_to(path)
    (cfs.files / "file").write_text("file\n")
    return path


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("COPY ../secret /x", "leads out"),
        ("COPY dir/../../secret /x", "leads out"),
        ("COPY out /x", "there is no out"),
        ("COPY absolute /x", "there is no absolute"),
        ("COPY up/secret /x", "there is no up/secret"),
        ("ADD out /x", "there is no out"),
        ("COPY nothing /x", "there is no nothing"),
        ("COPY *.none /x/", "there is no *.none"),
        ("COPY [ /x", "a [ has no ]"),
        ("COPY file file /x", "has to end in /"),
        ("COPY file", "SOURCE... DESTINATION"),
        ("COPY file /srv/old/", "not a directory"),
        ("COPY dir /srv/old", "not a directory"),
        ("COPY --chown=nobody-here file /x", "nobody-here"),
        ("COPY --chown=4294967295 file /x", "no id"),
        ("COPY --chmod=u+x file /x", "no mode"),
        ("COPY --chmod=77777 file /x", "no mode"),
        ("COPY --from=nothing-here /x /x", "no image nothing-here"),
        ("COPY --from=base:1 /../../secret /x", "leads out"),
        ("COPY --from=base:1 /nothing /x", "there is no /nothing"),
        ("ADD https://example.org/x /x", "not a local file"),
        ("ADD git@example.org:x /x", "not a local file"),
        ("COPY socket /x", "a device or a socket"),
        ("FROM --platform=linux/arm64 base:1", "--platform"),
        ("FROM base:1 AS", "FROM IMAGE [AS NAME]"),
        ("FROM nothing-here", "no image nothing-here"),
        ("ENV A", "NAME=VALUE"),
        ("ENV A=${B", "a name and }"),
        ("EXPOSE 0", "no port"),
        ("EXPOSE 80/http", "no port"),
        ("EXPOSE 70000", "no port"),
        ("STOPSIGNAL x y", "one word"),
        ("STOPSIGNAL now", "no signal"),
        ("SHELL /bin/sh", "a list"),
        ("ARG 1x", "no name"),
        ("USER a b", "one word"),
        ("RUN []", "run what"),
        ("WORKDIR $NOTHING", "empty path"),
        ("WORKDIR /srv/old/x", "not a directory"),
        ("VOLUME /x", "no instruction"),
    ],
)
def test_what_cannot_be_is_one_line_that_names_where(
    step: str, error: str, cfs: Cfs, secret: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.open(cfs.files, os.O_PATH)
        bound.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
    done = cfs.build(f"FROM base:1\n{step}\n")
    said = done.error.splitlines()

    assert done.code == 125
    assert said[0].startswith("cfs: Dockerfile:2: ")
    assert error in said[0]
    assert len([line for line in said if not line.startswith("  Hint: ")]) == 1
    assert not list((cfs.data / "cfs").glob("builds/*"))
    assert [image.familiar for image in cfs.store.images()] == ["base:1"]


def test_a_link_in_a_directory_is_copied_and_not_what_it_leads_to(
    cfs: Cfs, secret: Path
) -> None:
    cfs.built("FROM base:1\nCOPY dir /dir\n")

    assert os.readlink(cfs.tree / "dir/link") == str(secret)


def test_a_link_in_a_stage_leads_to_nothing_of_the_hosts(
    cfs: Cfs, secret: Path
) -> None:
    cfs.write({"sub/x": "x"})
    done = cfs.build(
        f"FROM base:1 AS one\nRUN ln -s {secret} /x && ln -s {secret.parent} /y\n"
        "FROM base:1\nCOPY --from=one /x /stolen\n"
    )
    assert done.code == 125
    assert "there is no /x" in done.error
    cfs.built(f"FROM base:1\nRUN ln -s {secret.parent} /y\nCOPY file /srv/a\n")
    done = cfs.build(f"FROM base:1\nRUN ln -s {secret.parent} /y\nCOPY file /y/a\n")

    assert done.code == 125  # the link leads nowhere in there
    assert not (secret.parent / "a").exists()


def test_a_link_in_the_image_leads_to_where_it_leads_inside(cfs: Cfs) -> None:
    cfs.write({"x": "x\n"})
    cfs.built(
        "FROM base:1\nRUN ln -s /../../../srv /way\nCOPY x /way/x\nCOPY x /link/y\n"
    )

    assert (cfs.tree / "srv/x").read_text() == "x\n"
    assert (cfs.tree / "srv/y").read_text() == "x\n"
    assert (cfs.tree / "way").is_symlink()


def test_the_passwd_of_an_image_may_be_a_link_and_is_none_of_ours(cfs: Cfs) -> None:
    name = "a-name-of-the-hosts"
    (cfs.files.parent / "passwd").write_text(f"{name}:x:1:1::/:/bin/sh\n")
    cfs.write({"x": ""})
    link = f"ln -s {cfs.files.parent}/passwd /etc/passwd"
    done = cfs.build(
        f"FROM base:1\nRUN rm /etc/passwd && {link}\nCOPY --chown={name} x /x\n"
    )

    assert done.code == 125
    assert name in done.error


def test_values_that_grow_without_end_are_refused(cfs: Cfs) -> None:
    doubled = "\n".join(["ENV A=$A$A"] * 60)
    done = cfs.build(f"FROM base:1\nENV A=0123456789\n{doubled}\n")

    assert done.code == 125
    assert "longer than" in done.error


def test_signs_that_a_terminal_obeys_are_not_printed(cfs: Cfs) -> None:
    lines = cfs.built("FROM base:1\nLABEL x=\x1b[31mred\n")

    assert "[2/2] LABEL x=?[31mred" in lines


def test_a_dockerfile_that_is_a_link_out_is_not_read(cfs: Cfs, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("FROM base:1\n")
    (cfs.files / "Dockerfile").symlink_to("../other")
    done = cfs("image", "build", cfs.files)

    assert done.code == 125
    assert "there is no Dockerfile" in done.error


def test_a_huge_dockerfile_is_refused(cfs: Cfs) -> None:
    done = cfs.build("FROM base:1\n" + "# x\n" * 300_000)

    assert done.code == 125
    assert "no Dockerfile" in done.error


def test_archives_that_lead_out_are_refused(cfs: Cfs) -> None:
    from tests.images.trees import archive, file, symlink

    cfs.write({"x.tar": archive(symlink("d", "/srv"), file("d/../../x", b"x"))})
    done = cfs.build("FROM base:1\nADD x.tar /a/\n")

    assert done.code == 125
    assert "Dockerfile:2: ADD: x.tar: " in done.error


def test_an_archive_does_not_change_the_directory_it_comes_to(cfs: Cfs) -> None:
    """As in Docker; buildah gives it the owner of the archive's own root."""
    from tests.images.trees import archive, directory, file

    found = archive(directory("./", 0o700, uid=7), file("x", b"x", uid=7))
    cfs.write({"x.tar": found})
    cfs.built("FROM base:1\nADD x.tar /srv\nADD x.tar /new\nADD x.tar /\n")

    for name in ("srv", "new", "."):
        assert (cfs.tree / name).stat().st_mode & 0o777 == 0o755
        assert (cfs.tree / name / "x").read_bytes() == b"x"


def test_a_deep_directory_is_copied_or_refused_with_its_line(cfs: Cfs) -> None:
    here = os.open(cfs.files, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    done = cfs.build("FROM base:1\nCOPY . /x/\n")

    assert done.code == 125
    assert "Dockerfile:2: COPY: more than 255 directories" in done.error


def test_a_file_that_may_not_be_read_is_named(cfs: Cfs) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read all files")
    cfs.write({"x": ""})
    (cfs.files / "x").chmod(0)
    done = cfs.build("FROM base:1\nCOPY x /x\n")

    assert done.code == 125
    assert done.error == "cfs: Dockerfile:2: COPY: x: Permission denied\n"
