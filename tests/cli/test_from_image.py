"""`cfs run --image`: what the image says, and what is typed in its place."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cfslib.cli import options, with_ids
from cfslib.cli.parser import Usage
from cfslib.images import host_tools, layout, picked
from cfslib.images.picked import NoSuchImage
from cfslib.images.search import PATH
from cfslib.images.store import Store
from cfslib.runtime.spec import Spec
from tests.conftest import ROOT, needs_namespaces, needs_user_namespaces
from tests.images.handmade import Layout, layer, packed

TOOLS = ["sh", "cat", "env", "id", "ls", "pwd", "sleep", "stat", "touch", "true"]

pytestmark = needs_user_namespaces


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what makes the image tool:1, with this config and these layers."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def make(layers: "list[bytes] | None" = None, **config: Any) -> None:
        made = Layout(tmp_path / "made")
        made.image(
            "tool:1", [layer({"x": b""})] if layers is None else layers, **config
        )

        owners = with_ids.owners()

        def bring() -> None:
            with layout.opened(str(made.place)) as source:
                Store().load(source, owners=owners)

        with_ids.call(bring)

    return make


def parsed(*words: str) -> Spec:
    return options.parse(["--image", "tool:1", *words])


@pytest.mark.parametrize(
    ("config", "words", "argv"),
    [
        ({"Cmd": ["sh", "-i"]}, "", "sh -i"),
        ({"Cmd": ["sh", "-i"]}, "ls -l", "ls -l"),
        ({"Entrypoint": ["/init"]}, "", "/init"),
        ({"Entrypoint": ["/init"], "Cmd": ["a"]}, "", "/init a"),
        ({"Entrypoint": ["/init"], "Cmd": ["a"]}, "b c", "/init b c"),
        ({"Entrypoint": ["/init"], "Cmd": ["a"]}, "-- b", "/init b"),
        ({"Entrypoint": ["/init"], "Cmd": ["a"]}, "--entrypoint ls", "ls"),
        ({"Entrypoint": ["/init"], "Cmd": ["a"]}, "--entrypoint ls -- -l", "ls -l"),
        ({"Entrypoint": ["/init"], "Cmd": ["a"]}, "--entrypoint= b", "b"),
    ],
)
def test_the_command_is_the_one_that_docker_would_run(
    config: dict[str, Any], words: str, argv: str, image: Callable[..., None]
) -> None:
    image(**config)

    assert parsed(*words.split()).argv == argv.split()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, ""),
        ({"Cmd": []}, ""),
        ({"Cmd": [""]}, ""),
        ({"Cmd": ["a"]}, "--entrypoint="),
    ],
)
def test_without_any_command_the_error_says_so(
    config: dict[str, Any], words: str, image: Callable[..., None]
) -> None:
    image(**config)

    with pytest.raises(Usage, match="the image names no command"):
        parsed(*words.split())


@pytest.mark.parametrize(
    ("config", "words", "part", "value"),
    [
        ({}, "", "env", {"PATH": PATH}),
        ({"Env": ["A=1", "PATH=/x", "A=2", "B"]}, "", "env", {"PATH": "/x", "A": "2"}),
        ({"Env": ["PATH=/x"]}, "-e PATH=/y", "env", {"PATH": "/y"}),
        ({}, "", "user", "0"),
        ({"User": "nobody"}, "", "user", "nobody"),
        ({"User": "nobody"}, "-u 7:8", "user", "7:8"),
        (
            {"User": "nobody"},
            "--userns keep-id",
            "user",
            f"{os.geteuid()}:{os.getegid()}",
        ),
        ({}, "", "workdir", "/"),
        ({"WorkingDir": "/srv"}, "", "workdir", "/srv"),
        ({"WorkingDir": "srv/./x/../y"}, "", "workdir", "/srv/y"),
        ({"WorkingDir": "../../x"}, "", "workdir", "/x"),
        ({"WorkingDir": "/srv"}, "-w /tmp", "workdir", "/tmp"),
        ({}, "", "stop_signal", 15),
        ({"StopSignal": "SIGQUIT"}, "", "stop_signal", 3),
        ({}, "", "image", "tool:1"),
    ],
)
def test_what_is_typed_wins_over_what_the_image_says(
    config: dict[str, Any],
    words: str,
    part: str,
    value: object,
    image: Callable[..., None],
) -> None:
    image(Entrypoint=["true"], **config)

    assert getattr(parsed(*words.split()), part) == value


def test_an_image_and_a_rootfs_are_one_too_many(
    image: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    image(Cmd=["true"])

    with pytest.raises(Usage, match="--image and --rootfs"):
        parsed("--rootfs", "/x", "true")
    with pytest.raises(Usage, match="--entrypoint is for an image"):
        options.parse(["--entrypoint", "x", "true"])
    monkeypatch.setenv("CFS_ROOTFS", "/x")
    assert parsed().image == "tool:1"  # what is typed wins over the environment
    monkeypatch.setenv("CFS_IMAGE", "tool:1")
    assert options.parse(["--rootfs", "/y", "true"]).rootfs == "/y"
    with pytest.raises(Usage, match="CFS_IMAGE and CFS_ROOTFS are both set"):
        options.parse(["true"])
    monkeypatch.delenv("CFS_ROOTFS")
    assert options.parse([]).argv == ["true"]
    monkeypatch.setenv("CFS_IMAGE", "")
    assert options.parse(["true"]) == Spec(["true"])


@pytest.mark.parametrize("name", ["other:1", "tool", "1234"])
def test_no_such_image_is_an_error_that_names_it(
    name: str, image: Callable[..., None]
) -> None:
    image(Cmd=["true"])

    with pytest.raises(NoSuchImage, match=name) as caught:
        options.parse(["--image", name])
    assert "cfs image ls" in caught.value.__notes__[0]


def test_what_comes_with_an_image_is_not_loaded_without_one(tmp_path: Path) -> None:
    code = """
import sys
from cfslib.cli import entry, options
from cfslib.runtime import direct
options.parse(sys.argv[1:])
print(*sys.modules)
"""
    program = f"import sys; sys.path.append({HERE!r}){code}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, "true"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())

    assert "cfslib.cli.options" in loaded
    assert not loaded & {
        "cfslib.cli.from_image",
        "cfslib.images.picked",
        "cfslib.images.reference",
    }


HERE = str(Path(options.__file__).parents[2])
HEAVY = {
    "json",
    "re",
    "enum",
    "dataclasses",
    "pathlib",
    "contextlib",
    "typing",
    "socket",
}


def test_with_one_nothing_heavy_is_loaded_either(
    image: Callable[..., None], tmp_path: Path
) -> None:
    image(Cmd=["true"])
    code = f"""
import sys
sys.path.append({HERE!r})
from cfslib.cli import options
from cfslib.runtime import direct
print(options.parse(["--image", "tool:1"]).argv, *sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    argv, *loaded = done.stdout.split()

    assert argv == "['true']"
    assert not HEAVY & set(loaded)


# In a container


@pytest.fixture
def tools(tmp_path: Path) -> bytes:
    """Return a layer with a few programs."""
    host_tools.build(tmp_path / "tools", TOOLS)
    return packed(tmp_path / "tools")


def run(*words: str) -> str:
    done = cfs(*words)

    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def cfs(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cfslib.cli.entry", "run", "--image", "tool:1", *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@needs_namespaces
def test_a_container_is_what_its_image_says(
    image: Callable[..., None], tools: bytes
) -> None:
    about = {
        "Env": ["A=1"],
        "WorkingDir": "made/for/it",
        "Cmd": ["sh", "-c", "pwd; env"],
    }
    image([tools], **about)
    lines = run().splitlines()

    assert lines[0] == "/made/for/it"
    assert "A=1" in lines
    assert f"PATH={PATH}" in lines
    assert run("stat", "-c", "%a %u", "/made/for/it") == "755 0\n"
    assert run("--read-only", "pwd") == "/made/for/it\n"
    assert run("--workdir", "/and/there", "pwd") == "/and/there\n"


@needs_namespaces
def test_a_container_never_changes_its_image(
    image: Callable[..., None], tools: bytes
) -> None:
    image([tools], Cmd=["touch", "/new"])
    run()

    assert not Path(Store().find("tool:1").tree, "new").exists()


@needs_namespaces
@pytest.mark.parametrize("link", ["/etc", "../../etc", "/proc/self/root/etc"])
def test_a_workdir_that_leads_away_is_made_inside(
    link: str, image: Callable[..., None], tools: bytes, tmp_path: Path
) -> None:
    image([tools, layer({}, {"away": link})], WorkingDir=f"/away{tmp_path}/x")
    done = cfs("true")

    assert done.returncode in (0, 125)  # through /proc it is refused
    assert not (tmp_path / "x").exists()


@needs_namespaces
def test_the_root_directory_is_as_the_image_says(
    image: Callable[..., None], tools: bytes, tmp_path: Path
) -> None:
    (tmp_path / "tools").chmod(0o711)
    image([packed(tmp_path / "tools")])

    assert run("stat", "-c", "%a %u", "/") == "711 0\n"


@needs_namespaces
def test_who_is_named_by_the_image_comes_from_its_passwd(
    image: Callable[..., None], tools: bytes
) -> None:
    passwd = layer({"etc/passwd": b"me:x:0:0::/home/me:\nyou:x:7:8::/:\n"})
    image([tools, passwd], User="me", Cmd=["sh", "-c", "echo $HOME"])

    if ROOT:
        assert run() == "/home/me\n"
        assert run("--user", "you", "id", "-u") == "7\n"
    elif with_ids.owners() == picked.RECORDED:
        assert "only one uid is ours to give" in cfs().stderr
        assert "-u 0" in cfs().stderr
    assert run("--user", "0", "id", "-u") == "0\n"


@needs_namespaces
def test_an_image_is_in_use_while_a_container_of_it_runs(
    image: Callable[..., None], tools: bytes
) -> None:
    image([tools])
    words = ["run", "--image", "tool:1", "sh", "-c", "echo; sleep 60"]
    with subprocess.Popen(
        [sys.executable, "-m", "cfslib.cli.entry", *words], stdout=subprocess.PIPE
    ) as running:
        assert running.stdout
        running.stdout.readline()
        done = subprocess.run(
            [sys.executable, "-m", "cfslib.cli.entry", "image", "rm", "tool:1"],
            capture_output=True,
            text=True,
        )
        running.terminate()

    assert (done.returncode, done.stdout) == (125, "")
    assert f"tool:1 is in use by a container (process {running.pid})" in done.stderr
    assert Path(Store().find("tool:1").tree, "bin").exists()
