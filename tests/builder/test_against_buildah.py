"""What we build from a Dockerfile is what buildah builds from it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cfslib.images import layout
from tests.builder.conftest import Cfs
from tests.conftest import needs_namespaces
from tests.images import peers, trees
from tests.images.unpacking import unpack_at

pytestmark = [
    needs_namespaces,
    peers.needs("buildah"),
    pytest.mark.skipif(os.geteuid() != 0, reason="buildah wants to be root here"),
]

DOCKERFILES = {
    "shell and list": """
        FROM base:1
        RUN echo one > /one && mkdir -p /a/b
        RUN ["cp", "/one", "/a/b/two"]
    """,
    "removing": """
        FROM base:1
        RUN rm /srv/old && rm -r /data/deep && mkdir /data/deep && touch /data/deep/new
        RUN rmdir /srv && echo file > /srv && mv /data /moved
    """,
    "modes and owners": """
        FROM base:1
        RUN touch /x && chmod 4755 /x && chown 7:8 /x && mkdir /y && chmod 1777 /y
        RUN ln -s ../x /y/link && ln /x /hard && mkfifo /y/fifo && chmod 700 /data
    """,
    "copying": """
        FROM base:1
        COPY one.txt /
        COPY one.txt two.txt /texts/
        COPY one.txt /renamed
        COPY dir /dir
        COPY dir /srv
        COPY dir/ /link/
        COPY *.txt dir/inner /all/
        COPY ["with space", "/with space/"]
    """,
    "copying with owner and mode": """
        FROM base:1
        COPY --chown=ada:staff one.txt /a
        COPY --chown=7:8 dir /owned/dir
        COPY --chown=12 one.txt /b
        COPY --chmod=0600 one.txt /c
    """,
    "relative places": """
        FROM base:1
        WORKDIR /work
        WORKDIR sub
        COPY one.txt .
        COPY one.txt two
        RUN pwd > where
    """,
    "variables": """
        ARG TAG=1
        FROM base:${TAG}
        ARG WHO=nobody
        ARG GIVEN
        ENV A=1 B="two words" C=$A-${WHO}
        ENV D ${A:-x}-${NOT:-y}-${A:+z}
        RUN echo "$A $B $C $D $WHO $GIVEN $FROM_BASE" > /out
        WORKDIR /$WHO/${A}
        COPY ${WHO}.txt one.txt $B/
        LABEL who=$WHO of="you all"
    """,
    "config": """
        FROM base:1
        USER ada
        RUN id -u > /tmp/who
        EXPOSE 80 53/udp
        STOPSIGNAL SIGINT
        ENTRYPOINT ["echo", "hello"]
        CMD ["world"]
        LABEL x=1
        WORKDIR /srv
    """,
    "another entrypoint": """
        FROM base:1
        ENTRYPOINT echo hello
    """,
    "stages": """
        FROM base:1 AS first
        RUN echo made > /made && chown 7:8 /made
        FROM base:1 AS unused
        RUN false
        FROM scratch AS last
        COPY --from=first /made /usr/made
        COPY --from=0 /data /data
        COPY --from=base:1 /srv/old /old
        CMD ["/usr/made"]
    """,
    "archives": """
        FROM base:1
        ADD plain.tar /plain
        ADD packed.tar.gz packed/
        ADD one.txt /added/
        COPY plain.tar /copied/
    """,
    "what is ignored": """
        FROM base:1
        COPY . /all/
    """,
    "another shell and escape": """\
# escape=`
FROM base:1
SHELL ["/bin/sh", "-e", "-c"]
RUN echo a `
    # a comment
    b > /out
""",
    "links": """
        FROM base:1
        COPY to_one /a
        COPY to_dir /b
        COPY links /c
    """,
}


@pytest.fixture(scope="module")
def buildah(base: Path) -> Iterator[peers.Engine]:
    """Return buildah, which has base:1."""
    with peers.Engine("buildah") as engine:
        engine("pull", f"oci:{base}:base:1")
        engine("tag", engine("images", "-q").splitlines()[0], "localhost/base:1")
        yield engine


def context(cfs: Cfs) -> None:
    """Make files to copy."""
    cfs.write(
        {
            "one.txt": "one\n",
            "two.txt": "two\n",
            "nobody.txt": "nobody\n",
            "dir/x": "x\n",
            "dir/inner/y": "y\n",
            "with space": "",
            "links/real": "real\n",
            "tree/a": "a\n",
            "tree/b/c": "c\n",
            "out/of/it": "",
            "out/keep": "",
            "x.tmp": "",
        }
    )
    (cfs.files / ".dockerignore").write_text("# a comment\nout\n!out/keep\n**/*.tmp\n")
    (cfs.files / "dir/inner").chmod(0o750)
    (cfs.files / "one.txt").chmod(0o640)
    (cfs.files / "to_one").symlink_to("one.txt")
    (cfs.files / "to_dir").symlink_to("dir")
    (cfs.files / "links/to_real").symlink_to("real")
    (cfs.files / "links/to_nothing").symlink_to("/nowhere")
    peers.call(
        "tar",
        "-C",
        cfs.files / "tree",
        "--owner=7",
        "--group=8",
        "-cf",
        cfs.files / "plain.tar",
        "a",
        "b",
    )
    peers.call(
        "tar", "-C", cfs.files / "tree", "-czf", cfs.files / "packed.tar.gz", "a", "b"
    )


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_image_is_that_of_buildah(
    name: str, cfs: Cfs, buildah: peers.Engine, tmp_path: Path
) -> None:
    context(cfs)
    given = ["--build-arg", "GIVEN=yes"] if "GIVEN" in DOCKERFILES[name] else []
    cfs.built(DOCKERFILES[name], *given)
    archive = tmp_path / "theirs.tar"
    buildah(
        "bud",
        "-q",
        "--isolation",
        "chroot",
        "--pull-never",
        *given,
        "-t",
        "theirs",
        str(cfs.files),
    )
    buildah("push", "-q", "theirs", f"oci-archive:{archive}:theirs")
    unpack_at(archive, tmp_path / "theirs")

    times = {name for name in MOUNT_POINTS if not (cfs.tree / name).exists()}
    found = [
        line
        for line in trees.differences(cfs.tree, tmp_path / "theirs")
        if ": mtime:" not in line and line.partition(":")[0] not in times
    ]
    assert found == []
    assert said(cfs.config) == said(their_config(archive))


MOUNT_POINTS = (
    "dev",
    "proc",
    "sys",
    "etc/hosts",
    "etc/hostname",
    "etc/resolv.conf",
    "run",
    "run/.containerenv",
)
MEANT = (
    "Env",
    "Cmd",
    "Entrypoint",
    "WorkingDir",
    "User",
    "Labels",
    "ExposedPorts",
    "StopSignal",
)


def said(config: dict[str, Any]) -> dict[str, Any]:
    """Return what a config says that has to be the same."""
    found = {name: config["config"].get(name) or None for name in MEANT}
    if found["Labels"]:
        found["Labels"].pop("io.buildah.version", None)
        found["Labels"] = found["Labels"] or None
    return found


def their_config(archive: Path) -> dict[str, Any]:
    """Return the config of the only image in an archive."""
    with layout.opened(str(archive)) as source:
        with source.blob(source.manifests()[0].descriptor.digest) as file:
            manifest = json.load(file)
        with source.blob(manifest["config"]["digest"]) as file:
            found: dict[str, Any] = json.load(file)
    return found
