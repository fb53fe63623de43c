"""What README.md says is so: its commands are run, its names are looked up.

In a `console` block each line `$ COMMAND` is run, and the lines after it are what it
prints.  In those, `...` stands for anything, on a line of its own for any lines; a line
that is only a number stands for any number, and `laptop` for the name of this machine;
`pts/0` may be no terminal at all.
In an `sh` block are commands that take too long to run; make knows their targets, and
`cfs` knows their options.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cfslib.cli import options
from cfslib.images import host_tools
from cfslib.isolation import limits
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from tests.conftest import needs_namespaces
from tests.images.handmade import Layout, layer, packed
from tests.images.registries import running
from tests.isolation.network.host import Host, host, python_rootfs

__all__ = ["host", "python_rootfs"]  # fixtures
TOP = Path(__file__).parent.parent
REGISTRY = "localhost:5000"  # in README.md; here it has another port
README = (TOP / "README.md").read_text()


@dataclass(frozen=True)
class Block:
    """A fenced block of README.md."""

    language: str
    line: int  # of its first line in README.md
    text: str

    def __str__(self) -> str:
        return f"line {self.line}"


def pictures() -> list[str]:
    """Return the paths of the pictures."""
    return re.findall(r"!\[[^\]]+\]\((.+?)\)", README)


def blocks(language: str) -> list[Block]:
    """Return the blocks of one language."""
    fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    found = [
        Block(match[1], README.count("\n", 0, match.start()) + 2, match[2])
        for match in fence.finditer(README)
    ]
    return [block for block in found if block.language == language]


def steps(transcript: str) -> list[tuple[str, str]]:
    """Split a transcript into commands, each with what it prints."""
    parts = re.split(r"^\$ (.*)\n", transcript, flags=re.MULTILINE)
    assert parts[0] == "", "a transcript starts with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def matches(printed: str, expected: str) -> bool:
    """Compare what was printed with what a transcript promises, but for spaces."""
    pattern = "".join(map(_pattern_of_line, expected.splitlines()))
    plain = "".join(f"{' '.join(line.split())}\n" for line in printed.splitlines())
    return bool(re.fullmatch(pattern, plain))


def _pattern_of_line(line: str) -> str:
    if line == "...":
        return r"(?:.*\n)*"
    if line.strip().isdecimal():
        return r"\d+\n"
    here = line.replace("laptop", socket.gethostname())
    pieces = [re.escape(piece) for piece in " ".join(here.split()).split("...")]
    # A person has a terminal, which a test has not.
    return ".*".join(pieces).replace("pts/0", r"(?:pts/0|\?)") + r"\n"


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return an archive of an OCI layout, with the image that somebody gave us."""
    place = tmp_path_factory.mktemp("image")
    host_tools.build(place / "root", ["sh", "cat", "pwd"])
    layers = [packed(place / "root"), layer({"srv/note": b"kept in a layer\n"})]
    steps = ["ADD rootfs.tar /", "COPY note /srv/note"]
    Layout(place / "layout").image(
        "tool:1",
        layers,
        steps=steps,
        Cmd=["sh", "-c", "echo Hello from an image, in $PWD"],
        WorkingDir="/srv",
    )
    return packed(place / "layout")


@pytest.fixture
def shell(tmp_path: Path) -> Generator[dict[str, str]]:
    """Yield an environment in which `cfs` is the one of this checkout."""
    (tmp_path / "bin").mkdir()
    cfs = tmp_path / "bin/cfs"
    cfs.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cfslib.cli.entry "$@"\n')
    cfs.chmod(0o755)
    (tmp_path / "here").mkdir()
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    (tmp_path / "run").mkdir(mode=0o700)
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(TOP)}
    env["XDG_RUNTIME_DIR"] = str(tmp_path / "run")
    yield env
    left = "for each in $(cfs ps -aq); do cfs rm -f $each; done"  # by one that failed
    subprocess.run(["sh", "-c", left], env=env, check=True)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Return the address of a registry that runs here."""
    if not shutil.which("docker-registry"):
        pytest.skip("needs docker-registry")
    with running(tmp_path_factory.mktemp("registry")) as started:
        yield started.address.replace("127.0.0.1", "localhost")


@needs_namespaces
@pytest.mark.parametrize("block", blocks("console"), ids=str)
def test_a_transcript_is_real(
    block: Block,
    shell: dict[str, str],
    image: bytes,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    begin: list[str] = []
    if "--network bridge" in block.text or "cfs network" in block.text:
        if missing := [name for name in ("nft", "nsenter") if not shutil.which(name)]:
            pytest.skip(f"needs {' '.join(missing)}")
        a_host: Host = request.getfixturevalue("host")  # not the machine's network
        begin = a_host.enter()
    (tmp_path / "here/tool.tar").write_bytes(image)
    text = block.text
    if REGISTRY in text:
        text = text.replace(REGISTRY, request.getfixturevalue("registry"))
    for command, expected in steps(text):
        done = subprocess.run(
            [*begin, "sh", "-c", f"cd {tmp_path}/here; {command}"],
            env=shell,
            cwd=tmp_path / "here",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )

        assert matches(done.stdout, expected), f"$ {command}\n{done.stdout}"


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_a_long_command_is_one_that_make_or_cfs_knows(block: Block) -> None:
    for command in re.split(r"\n|&&|or:", block.text):
        match command.partition("#")[0].split():
            case ["make", *words]:
                _try_out(words)
            case [".venv/bin/cfs", *words]:
                _ask_for_help(words)
            case ["python3", "-m", "cfslib.cli.entry", *words]:
                _ask_for_help(words)
            case words:
                assert not words, "who would notice if this no longer worked?"


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([\w-]+)`", README))))
def test_a_target_that_is_named_is_there(target: str) -> None:
    _try_out([target])


def _try_out(words: list[str]) -> None:
    done = subprocess.run(["make", "-n", *words], cwd=TOP, capture_output=True)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("word", sorted(set(re.findall(r"`cfs ([\w-]+)", README))))
def test_a_command_of_cfs_that_is_named_is_there(word: str) -> None:
    _ask_for_help([word])


def _ask_for_help(line: list[str]) -> None:
    words = [sys.executable, "-m", "cfslib.cli.entry", *line, "--help"]
    done = subprocess.run(words, cwd=TOP, capture_output=True)

    assert (done.returncode, done.stderr) == (0, b"")


def options_named() -> list[str]:
    """Return the options that stand in the text about `cfs`; short ones one by one."""
    text = README[
        README.index("## `cfs` by example") : README.index("## The notebooks")
    ]
    codes = re.findall(r"`((?:cfs run )?-[^`]+)`", text)
    found = {w for code in codes for w in re.findall(r"(?<![\w-])-[\w-]+", code)}
    long = {word for word in found if word.startswith("--")}
    return sorted(long | {f"-{letter}" for word in found - long for letter in word[1:]})


@pytest.fixture(scope="session")
def helps() -> str:
    """Return what is said of the options of `cfs run` and of `cfs image build`."""
    cfs = [sys.executable, "-m", "cfslib.cli.entry"]
    texts = ""
    for command in (["run"], ["image", "build"]):
        words = [*cfs, *command, "--help"]
        texts += subprocess.run(words, cwd=TOP, capture_output=True, text=True).stdout
    return texts


@pytest.mark.parametrize("option", options_named())
def test_an_option_that_is_named_is_one_of_cfs(option: str, helps: str) -> None:
    assert re.search(rf"(^|[ ,]){option}\b(?!-)", helps, re.MULTILINE)


LIMITS = re.findall(
    r"^\| `(--[^`]+)` \| `([\w.]+)`.* \| `([\w.]+)` \|", README, re.MULTILINE
)


@pytest.mark.parametrize(("option", "in_v2", "in_v1"), LIMITS)
def test_a_limit_is_in_the_file_that_the_table_names(
    option: str, in_v2: str, in_v1: str
) -> None:
    words = ["--memory", "64m", *option.replace("0-3,6", "0").split(), "true"]
    try:
        guard = limits.plan(options.parse(words).limits, counted_alone=False)
    except CannotLimit as error:
        pytest.skip(f"needs groups of our own: {error}")
    with guard.making() as groups:
        groups.make_others()
        paths = [
            Path(group.path, {1: in_v1, 2: in_v2}[group.version])
            for group in guard.groups
        ]

        assert any(path.exists() for path in paths), paths


@pytest.mark.parametrize("place", re.findall(r"[^!]\[[^\]]+\]\(([^)]+)\)", README))
def test_a_link_leads_somewhere(place: str) -> None:
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^a-z -]", "", text.lower()) for text in headings}

    if place.startswith("#"):
        assert place[1:].replace("-", " ") in anchors
    else:
        assert (TOP / place).exists()


MODULES = re.findall(r"`(?:cfslib/)?(\w+\.py|\w+/(?:\w+\.py)?)`", README)


@pytest.mark.parametrize("name", sorted(set(MODULES)))
def test_a_module_that_is_named_is_there(name: str) -> None:
    assert (TOP / "cfslib" / name).exists()


def test_every_notebook_is_listed_and_every_listed_one_is_there() -> None:
    listed = set(re.findall(r"^\| `(\d\d-[\w-]+)` \|", README, re.MULTILINE))

    assert listed == {path.stem for path in TOP.glob("notebooks/*.ipynb")}


def test_the_readers_of_transcripts_are_strict() -> None:
    assert matches("a  b\n", "a b\n")
    assert matches("a\nx\ny\nb\n", "a\n...\nb\n")
    assert matches(
        "tmpfs on /dev type tmpfs (rw)\n", "tmpfs on /dev type tmpfs (...)\n"
    )
    assert matches("7\n", "42\n")
    assert not matches("a\nb\n", "a\n")
    assert not matches("a\n", "a\nb\n")
    assert not matches("axb\n", "a.b\n")
    assert not matches("many\n", "42\n")


@pytest.mark.parametrize("picture", pictures())
def test_a_picture_is_there_has_a_text_and_loads_fast(picture: str) -> None:
    assert README.count("![") == len(pictures())  # the others have no text
    assert 0 < (TOP / picture).stat().st_size < 120_000
