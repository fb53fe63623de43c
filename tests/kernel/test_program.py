"""That a command starts, and only if its file is the container's."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.images import host_tools
from cfslib.kernel import program
from cfslib.runtime.errors import CannotExecute
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec
from tests.conftest import needs_namespaces


def run(*argv: str, path: str = "/usr/bin:/bin") -> int:
    """Start a program, and return its exit code."""
    _, status = os.waitpid(program.spawn(list(argv), {}, path), 0)
    return os.waitstatus_to_exitcode(status)


def script(file: Path, text: str) -> str:
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


# Which file it is


def test_a_path_with_a_slash_is_the_file() -> None:
    assert run("/bin/sh", "-c", "exit 7") == 7


def test_a_name_is_looked_up_in_one_directory_after_the_other(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for number, place in enumerate((one, two), start=1):
        place.mkdir()
        script(place / "it", f"#!/bin/sh\nexit {number}\n")

    assert run("it", path=f"{tmp_path}:{one}:{two}") == 1
    assert run("it", path=f"{tmp_path}:{two}:{one}") == 2


def test_an_empty_entry_is_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script(tmp_path / "it", "#!/bin/sh\nexit 3\n")

    assert run("it", path="/nowhere:") == 3


def test_what_is_not_executable_does_not_hide_what_is(tmp_path: Path) -> None:
    (tmp_path / "sh").write_text("no program")

    assert run("sh", "-c", "exit 4", path=f"{tmp_path}:/bin") == 4


def test_that_it_was_not_executable_is_told_if_there_is_no_other(
    tmp_path: Path,
) -> None:
    (tmp_path / "it").write_text("no program")

    with pytest.raises(PermissionError):
        run("it", path=f"{tmp_path}:/nowhere")


@pytest.mark.parametrize("name", ["", "nosuch", "/no/such"])
def test_what_is_nowhere_is_not_found(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        run(name)


def test_a_file_is_no_directory() -> None:
    with pytest.raises(NotADirectoryError):
        run("/etc/passwd/it")
    assert run("sh", "-c", "exit 5", path="/etc/passwd:/bin") == 5


def test_a_script_may_have_spaces_and_an_argument_before_it(tmp_path: Path) -> None:
    assert run(script(tmp_path / "it", "#! \t/bin/sh\t-e\nfalse\nexit 5\n")) == 1


# Links out of a container

LINKS = ["/proc/self/exe", "/proc/self/root/bin/sh", "/proc/self/cwd/sh"]


def _two_links(file: Path, link: str) -> None:
    further = file.with_name("further")
    further.symlink_to(link)
    file.symlink_to(further.name)


def _script_for_a_link(file: Path, link: str) -> None:
    interpreter = file.with_name("interpreter")
    interpreter.symlink_to(link)
    script(file, f"#!{interpreter}\n")


DISGUISES: dict[str, Callable[[Path, str], object]] = {
    "a link": lambda file, link: file.symlink_to(link),
    "a link to a link": _two_links,
    "a script": lambda file, link: script(file, f"#!{link}\n"),
    "a script with an argument": lambda file, link: script(file, f"#! {link}\t-S\n"),
    "a script for a link": _script_for_a_link,
}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_way_past_all_mounts_is_no_way(
    tmp_path: Path, disguise: str, link: str
) -> None:
    file = tmp_path / "it"
    DISGUISES[disguise](file, link)

    with pytest.raises(OSError, match="40"):
        run(str(file))
    with pytest.raises(OSError, match="40"):
        run("it", path=f"/nowhere:{tmp_path}")


# The same in a container, where the link leads to the host's Python


def test_without_us_the_kernel_would_follow_it(tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to("/proc/self/exe")
    argv = ["sh", "-c", "raise SystemExit(9)"]
    pid = os.posix_spawn(tmp_path / "sh", argv, os.environ)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


@needs_namespaces
@pytest.mark.parametrize("disguise", ["a link", "a script"])
def test_a_rootfs_cannot_make_us_run_what_is_on_the_host(
    tmp_path: Path, disguise: str
) -> None:
    root = tmp_path / "root"
    host_tools.build(root, ["sh"])
    spec = Spec(["sh", "-c", "echo inside"], rootfs=root)
    assert [capture(spec).stdout for _ in range(2)] == ["inside\n"] * 2

    (root / "usr/bin/sh").unlink()
    DISGUISES[disguise](root / "usr/bin/sh", "/proc/self/exe")
    with pytest.raises(CannotExecute, match="sh: Too many levels") as told:
        capture(spec)
    assert any("out of the container" in note for note in told.value.__notes__)


# How `cfs` itself is typed


@pytest.mark.parametrize("typed", ["bin/cfs", "{here}/bin/cfs"])
def test_cfs_is_named_so_that_sudo_finds_it(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cfs").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [typed.format(here=tmp_path)])

    assert program.ours() == f"{tmp_path}/bin/cfs"


def test_a_notebook_names_the_cfs_of_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["ipykernel_launcher.py"])
    monkeypatch.setattr("sys.prefix", str(tmp_path / "my env"))
    assert program.ours() == "cfs"

    (tmp_path / "my env/bin").mkdir(parents=True)
    (tmp_path / "my env/bin/cfs").touch()

    assert program.ours() == f"'{tmp_path}/my env/bin/cfs'"
